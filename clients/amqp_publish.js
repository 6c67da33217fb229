// Publish a command over AMQP and wait for its receipt, with amqplib (npm install amqplib).
//
//   node clients/amqp_publish.js sale.record '{"sku": "PZN1", "quantity": 1, "total_price": "4.99"}'
//
// Reads HUB_AMQP (host:port), PHARMACY_ID and API_KEY from the environment. A third argument is the idempotency key.
"use strict";
const { randomUUID } = require("node:crypto");
const amqp = require("amqplib");

async function main(command, body, messageId) {
  const [hostname, port] = process.env.HUB_AMQP.split(":");
  const pharmacy = process.env.PHARMACY_ID;
  const connection = await amqp.connect({
    protocol: "amqp", hostname, port: Number(port || 5672), username: pharmacy, password: process.env.API_KEY, vhost: "/",
  });
  const channel = await connection.createConfirmChannel();
  const receipt = new Promise((resolve) => {
    channel.consume("amq.rabbitmq.reply-to", (message) => resolve(JSON.parse(message.content.toString())), { noAck: true });
  });
  channel.publish("hub.ingress", pharmacy, Buffer.from(body), {
    userId: pharmacy, messageId, type: command, contentType: "application/json", persistent: true, mandatory: true,
    replyTo: "amq.rabbitmq.reply-to", correlationId: messageId,
  });
  await channel.waitForConfirms(); // the broker has it on disk
  const answer = await receipt;
  console.log(JSON.stringify(answer, null, 2));
  await connection.close();
  const operations = Array.isArray(answer) ? answer : [answer];
  return operations.every((operation) => operation.status === "applied") ? 0 : 1;
}

main(process.argv[2], process.argv[3], process.argv[4] || randomUUID()).then(
  (code) => process.exit(code),
  (error) => { console.error(error.message); process.exit(2); },
);
