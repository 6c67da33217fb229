// Receive webhooks with the specification's own library, com.standardwebhooks:standardwebhooks, on Java 17.
//
//     WEBHOOK_SECRET=whsec_... java -cp standardwebhooks.jar clients/webhooks/Receive.java 8099
//
// Answers 204 to what is genuine, also the second time, and 400 to everything else.

import com.standardwebhooks.Webhook;
import com.standardwebhooks.exceptions.WebhookVerificationException;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.http.HttpHeaders;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

public final class Receive {
    private static final Set<String> DONE = ConcurrentHashMap.newKeySet();

    public static void main(String[] arguments) throws Exception {
        Webhook webhook = new Webhook(System.getenv("WEBHOOK_SECRET"));
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0])), 0);
        server.createContext("/", exchange -> receive(exchange, webhook));
        server.start();
    }

    private static void receive(HttpExchange exchange, Webhook webhook) throws IOException {
        // The raw body: JSON that was parsed and written again has another signature.
        String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
        int status = 204;
        try {
            webhook.verify(body, HttpHeaders.of(exchange.getRequestHeaders(), (name, value) -> true));
            // A delivery is repeated until it is answered 2xx, so the same id may come twice.
            if (DONE.add(exchange.getRequestHeaders().getFirst("webhook-id"))) {
                System.out.println("webhook: " + body);
            }
        } catch (WebhookVerificationException refused) {
            status = 400;
        }
        exchange.sendResponseHeaders(status, -1);
        exchange.close();
    }
}
