import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import java.util.List;
import org.h2.mvstore.MVStore;

/**
 * Runs mongo-java-server on a loopback port with its state in one file, {@code Launcher PORT FILE}, or in memory alone,
 * {@code Launcher PORT in-memory}: a file that is written before each answer grows by megabytes for each person, which
 * is too much for a benchmark of thousands.
 */
public class Launcher {
    public static void main(String[] arguments) {
        int port = Integer.parseInt(arguments[0]);
        boolean inMemory = arguments[1].equals("in-memory");
        MVStore store = MVStore.open(inMemory ? null : arguments[1]);
        H2Backend backend = inMemory ? new H2Backend(store) : new Durable(store);
        MongoServer server = new MongoServer(backend.version(new Spoken()));
        // the server's threads keep the process alive; SIGTERM ends it here
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
        server.bind("127.0.0.1", port);
    }

    /**
     * H2 writes its file once a second. Here it writes before each answer: what was answered survives SIGKILL. One
     * command at a time, so that no half-done command of another client is in what is written.
     */
    private static final class Durable extends H2Backend {
        Durable(MVStore store) {
            super(store);
        }

        @Override
        public synchronized Document handleMessage(MongoMessage message) {
            try {
                return super.handleMessage(message);
            } finally {
                commit();
            }
        }
    }

    /** Unasked, the server names a wire version older than the oldest that drivers of today speak to: 9, MongoDB 4.4. */
    private static final class Spoken implements MongoVersion {
        @Override
        public List<Integer> getVersionArray() {
            return List.of(4, 4, 0);
        }

        @Override
        public int getWireVersion() {
            return 9;
        }
    }
}
