// Publish a command over AMQP and wait for its receipt, with com.rabbitmq:amqp-client 5.
//
//   java -cp amqp-client.jar:slf4j-api.jar clients/AmqpPublish.java sale.record '{"sku": "PZN1", "quantity": 1, "total_price": "4.99"}'
//
// Reads HUB_AMQP (host:port), PHARMACY_ID and API_KEY from the environment. A third argument is the idempotency key.
// Ends with 0 when all of it was applied. On Debian: apt-get install default-jdk-headless librabbitmq-client-java, and the jars
// are in /usr/share/java (compiled and run with amqp-client 5.0.0 on OpenJDK 17).
import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import java.nio.charset.StandardCharsets;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

public class AmqpPublish {
    static final String REPLY_TO = "amq.rabbitmq.reply-to";

    public static void main(String[] arguments) throws Exception {
        String messageId = arguments.length > 2 ? arguments[2] : UUID.randomUUID().toString();
        String receipt = publish(arguments[0], arguments[1], messageId);
        System.out.println(receipt);
        // Quotes inside of a JSON text are escaped, so this is found as a member only.
        System.exit(receipt.contains("\"status\":\"rejected\"") || receipt.contains("\"status\":\"parked\"") ? 1 : 0);
    }

    static String publish(String command, String body, String messageId) throws Exception {
        String[] address = System.getenv("HUB_AMQP").split(":");
        String pharmacy = System.getenv("PHARMACY_ID");
        ConnectionFactory factory = new ConnectionFactory();
        factory.setHost(address[0]);
        factory.setPort(address.length > 1 ? Integer.parseInt(address[1]) : 5672);
        factory.setUsername(pharmacy);
        factory.setPassword(System.getenv("API_KEY"));
        try (Connection connection = factory.newConnection(); Channel channel = connection.createChannel()) {
            channel.confirmSelect();
            CompletableFuture<String> receipt = new CompletableFuture<>();
            channel.basicConsume(REPLY_TO, true,
                (tag, message) -> receipt.complete(new String(message.getBody(), StandardCharsets.UTF_8)), tag -> { });
            AMQP.BasicProperties properties = new AMQP.BasicProperties.Builder()
                .userId(pharmacy).messageId(messageId).type(command).contentType("application/json").deliveryMode(2)
                .replyTo(REPLY_TO).correlationId(messageId).build();
            channel.basicPublish("hub.ingress", pharmacy, true, properties, body.getBytes(StandardCharsets.UTF_8));
            channel.waitForConfirmsOrDie(10_000);  // the broker has it on disk
            return receipt.get(30, TimeUnit.SECONDS);
        }
    }
}
