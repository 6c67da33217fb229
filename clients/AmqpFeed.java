// Read a pharmacy's events from its own feed, in order, and resume where one left off, with com.rabbitmq:amqp-client 5.
//
//   java -cp amqp-client.jar:slf4j-api.jar clients/AmqpFeed.java state.json
//
// Reads HUB_URL, HUB_AMQP (host:port), PHARMACY_ID and API_KEY from the environment; makes the feed if there is none. The number
// of the last event that was worked on is kept in the file. What is not in the feed (older than it, or dropped because it was
// full) comes from `GET /api/events/`. With UNTIL=<sequence> it ends there. Needs Java 11 or newer.
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.concurrent.CountDownLatch;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

public class AmqpFeed {
    // The first of these members is the event's own: quotes inside of a JSON text are escaped, and `data` comes last.
    static final Pattern SEQUENCE = Pattern.compile("\"sequence\": ?([0-9]+)");
    static final Pattern TYPE = Pattern.compile("\"type\": ?\"([^\"]+)\"");
    // Without this it offers to go on in HTTP/2, and the hub reads no body behind such an offer.
    static final HttpClient WEB = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    static final String HUB = System.getenv("HUB_URL"), PHARMACY = System.getenv("PHARMACY_ID"), KEY = System.getenv("API_KEY");

    final Path place;
    final long until;
    long last;

    AmqpFeed(Path place, long until) throws IOException {
        this.place = place;
        this.until = until;
        this.last = Files.exists(place) ? Long.parseLong(Files.readString(place).replaceAll("[^0-9]", "")) : 0;
    }

    public static void main(String[] arguments) throws Exception {
        String until = System.getenv("UNTIL");
        AmqpFeed reader = new AmqpFeed(Path.of(arguments[0]), until == null ? Long.MAX_VALUE : Long.parseLong(until));
        ask("POST", "/api/event-queue/", "{}");
        reader.catchUp();
        if (reader.last < reader.until) reader.follow();
        System.exit(0);
    }

    static String ask(String method, String path, String body) throws IOException {
        HttpRequest.BodyPublisher sent = body == null ? HttpRequest.BodyPublishers.noBody() : HttpRequest.BodyPublishers.ofString(body);
        HttpRequest request = HttpRequest.newBuilder(URI.create(HUB + path)).method(method, sent)
            .header("X-API-KEY", KEY).header("Content-Type", "application/json").header("Prefer", "wait=10").build();
        try {
            HttpResponse<String> answer = WEB.send(request, HttpResponse.BodyHandlers.ofString());
            if (answer.statusCode() >= 300) throw new IOException(method + " " + path + ": " + answer.statusCode() + " " + answer.body());
            return answer.body();
        } catch (InterruptedException error) {
            throw new IOException(error);
        }
    }

    static String find(Pattern pattern, String text) {
        Matcher found = pattern.matcher(text);
        return found.find() ? found.group(1) : null;
    }

    // Do what is to be done; here: say so, and remember it.
    void work(String event, long sequence) throws IOException {
        System.out.println("event " + sequence + ": " + find(TYPE, event));
        last = sequence;
        Path fresh = Path.of(place + ".new");
        Files.writeString(fresh, "{\"last\": " + last + "}");
        Files.move(fresh, place, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
    }

    // Work on what the log has and the feed may not: from before it was made, or dropped because it was full. One by one, since
    // there is no JSON in Java's own library; with one, ask for 500 at once.
    void catchUp() throws IOException {
        while (true) {
            String page = ask("GET", "/api/events/?limit=1&after=" + last, null);
            String sequence = find(SEQUENCE, page);
            if (sequence == null) return;
            work(page, Long.parseLong(sequence));
        }
    }

    // Take an event from the feed: leave out what was seen, fetch what is missing before it.
    void take(String event) throws IOException {
        long sequence = Long.parseLong(find(SEQUENCE, event));
        if (sequence > last + 1) catchUp();
        if (sequence > last) work(event, sequence);
    }

    void follow() throws Exception {
        String[] address = System.getenv("HUB_AMQP").split(":");
        ConnectionFactory factory = new ConnectionFactory();
        factory.setHost(address[0]);
        factory.setPort(address.length > 1 ? Integer.parseInt(address[1]) : 5672);
        factory.setUsername(PHARMACY);
        factory.setPassword(KEY);
        factory.setNetworkRecoveryInterval(1000);  // it reconnects by itself, and what was not acked comes again, in order
        CountDownLatch done = new CountDownLatch(1);
        try (Connection connection = factory.newConnection()) {
            Channel channel = connection.createChannel();
            channel.basicQos(50);
            channel.basicConsume("hub.out." + PHARMACY, false, (tag, message) -> {
                if (last >= until) return;
                take(new String(message.getBody(), StandardCharsets.UTF_8));
                channel.basicAck(message.getEnvelope().getDeliveryTag(), false);  // only now: what was not worked on comes again
                if (last >= until) done.countDown();
            }, tag -> { });
            done.await();
        }
    }
}
