import java.io.FileInputStream;
import org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider;
import org.verapdf.pdfa.Foundries;
import org.verapdf.pdfa.PDFAParser;
import org.verapdf.pdfa.PDFAValidator;
import org.verapdf.pdfa.flavours.PDFAFlavour;
import org.verapdf.pdfa.results.TestAssertion;
import org.verapdf.pdfa.results.ValidationResult;

/** Says of each file, one a line, whether it is PDF/A of the flavour named first ({@code 2a}), and what is against it. */
public class Judge {
    public static void main(String[] arguments) throws Exception {
        VeraGreenfieldFoundryProvider.initialise();
        PDFAFlavour flavour = PDFAFlavour.fromString(arguments[0]);
        for (int at = 1; at < arguments.length; at++) {
            try (FileInputStream file = new FileInputStream(arguments[at]);
                    PDFAParser parser = Foundries.defaultInstance().createParser(file, flavour);
                    PDFAValidator validator = Foundries.defaultInstance().createValidator(flavour, false)) {
                ValidationResult result = validator.validate(parser);
                StringBuilder said = new StringBuilder(result.isCompliant() ? "compliant" : "not");
                for (TestAssertion one : result.getTestAssertions()) {
                    if (one.getStatus() == TestAssertion.Status.FAILED) {
                        said.append("; ").append(one.getRuleId().getClause()).append(' ').append(one.getMessage());
                    }
                }
                System.out.println(said.toString().replace('\n', ' '));
            }
        }
    }
}
