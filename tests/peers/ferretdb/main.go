// Runs FerretDB on a loopback port with its state in SQLite files of one folder: ferretdb PORT FOLDER.
//
// FerretDB's own command cannot be built from its published module: a file that it looks for at start is left out of
// it. As a library it also has no telemetry and no second listener.
//
// FerretDB over SQLite reads a document, judges the filter and writes, with nothing held in between: of two
// conditional updates at the same time both win. MongoDB does each of them as one step, so here commands take turns.
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

// Of the wire protocol: the parts of a message that tell where it ends and whether it is answered.
const (
	headerSize = 16
	largest    = 48_000_000
	opMsg      = 2013
	moreToCome = 1 << 1
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: ferretdb PORT FOLDER")
	}
	port, folder := os.Args[1], os.Args[2]
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: "127.0.0.1:0"},
		Logger:    slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Handler:   "sqlite",
		SQLiteURL: "file:" + folder + "/",
	})
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go accept(listener, server)
	if err := server.Run(ctx); err != nil {
		log.Fatal(err)
	}
}

func accept(listener net.Listener, server *ferretdb.FerretDB) {
	address, err := url.Parse(server.MongoDBURI()) // waits until the server listens
	if err != nil {
		log.Fatal(err)
	}
	var turn sync.Mutex
	for {
		client, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go func() {
			if err := pass(client, address.Host, &turn); err != nil && !errors.Is(err, io.EOF) {
				log.Print(err)
			}
		}()
	}
}

// pass carries one client's commands to the server, and each answer back, until one of them hangs up.
func pass(client net.Conn, address string, turn *sync.Mutex) error {
	defer client.Close()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer server.Close()
	for {
		command, err := receive(client)
		if err != nil {
			return err
		}
		answer, err := take(turn, server, command)
		if err != nil {
			return err
		}
		if _, err := client.Write(answer); err != nil {
			return err
		}
	}
}

// take sends one command and returns its answer; nothing, when the command asks for none.
func take(turn *sync.Mutex, server net.Conn, command []byte) ([]byte, error) {
	turn.Lock()
	defer turn.Unlock()
	if _, err := server.Write(command); err != nil {
		return nil, err
	}
	if binary.LittleEndian.Uint32(command[12:]) == opMsg && binary.LittleEndian.Uint32(command[16:])&moreToCome != 0 {
		return nil, nil
	}
	return receive(server)
}

func receive(from net.Conn) ([]byte, error) {
	size := make([]byte, 4)
	if _, err := io.ReadFull(from, size); err != nil {
		return nil, err
	}
	length := binary.LittleEndian.Uint32(size)
	if length < headerSize+4 || length > largest {
		return nil, errors.New("not a message of the wire protocol")
	}
	message := make([]byte, length)
	copy(message, size)
	_, err := io.ReadFull(from, message[4:])
	return message, err
}
