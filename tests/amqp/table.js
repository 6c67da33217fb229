// Plays the table of tests/amqp/test_clients.py with amqplib as it is: cases on stdin, what came back on stdout.
"use strict";
const { randomUUID } = require("node:crypto");
const amqp = require("amqplib");

const TRICKS = {
  declare: (channel, name, options) => channel.assertQueue(name, { durable: false, ...JSON.parse(options) }),
  exchange: (channel, name, kind, options) => channel.assertExchange(name, kind, { arguments: JSON.parse(options || "{}") }),
  bindExchange: (channel, to, from, key) => channel.bindExchange(to, from, key),
  bind: (channel, queue, from, key) => channel.bindQueue(queue, from, key),
  unbind: (channel, queue, from, key) => channel.unbindQueue(queue, from, key),
  get: (channel, name) => channel.get(name),
  consume: (channel, name, how) => channel.consume(name, () => {}, { exclusive: Boolean(how) }),
  purge: (channel, name) => channel.purgeQueue(name),
  remove: (channel, name) => channel.deleteQueue(name),
  removeExchange: (channel, name) => channel.deleteExchange(name),
};

async function table(connection, user, cases) {
  const channel = await connection.createConfirmChannel();
  const waiting = new Map();
  await channel.consume("amq.rabbitmq.reply-to", (message) => {
    waiting.get(message.properties.correlationId)(JSON.parse(message.content.toString()));
  }, { noAck: true });
  const told = {};
  for (const one of cases) {
    const properties = {
      userId: user, messageId: randomUUID(), type: "inventory.create", contentType: "application/json", persistent: true,
      mandatory: true, replyTo: "amq.rabbitmq.reply-to", correlationId: randomUUID(), ...one.properties,
    };
    for (const name of one.without) delete properties[name];
    const answer = new Promise((resolve) => waiting.set(properties.correlationId, resolve));
    channel.publish("hub.ingress", user, Buffer.from(one.body, "base64"), properties);
    await channel.waitForConfirms();
    if (one.answered) told[one.name] = await answer;
  }
  await channel.close();
  return told;
}

async function trick(connection, step, words) {
  const channel = await connection.createConfirmChannel();
  const closed = new Promise((resolve) => channel.on("error", (error) => resolve(error.message)));
  try {
    if (step === "publish") {
      const [exchange, key, userId, size] = words;
      channel.publish(exchange, key, Buffer.alloc(Number(size || 2), "x"), {
        userId: userId || undefined, messageId: randomUUID(), type: "inventory.create", mandatory: true,
      });
      return await Promise.race([closed, channel.waitForConfirms().then(() => "it was confirmed", () => closed)]);
    }
    if (step === "spoil") {
      channel.publish("hub.ingress", "x", Buffer.from("{}"), { [words[0]]: "x".repeat(10000) });
      return "it was sent";
    }
    await TRICKS[step](channel, ...words);
    return "it was done";
  } catch (error) {
    return error.message;
  }
}

async function main() {
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  const { port, user, password, cases, tricks } = JSON.parse(Buffer.concat(chunks).toString());
  const connection = await amqp.connect({ protocol: "amqp", hostname: "127.0.0.1", port, username: user, password, vhost: "/" });
  const answers = await table(connection, user, cases);
  const refusals = {};
  for (const { name, step, words } of tricks) refusals[name] = await trick(connection, step, words);
  process.stdout.write(JSON.stringify({ answers, refusals }), () => process.exit(0));
}

main().catch((error) => { console.error(error); process.exit(2); });
