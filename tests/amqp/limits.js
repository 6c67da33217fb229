// Opens all connections that one may have and tries for more, then all channels of the first, with amqplib as it is.
"use strict";
const { setTimeout: sleep } = require("node:timers/promises");
const amqp = require("amqplib");

async function main() {
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  const { port, user, password, most, tries } = JSON.parse(Buffer.concat(chunks).toString());
  const connections = [];
  const connect = async () => {
    const one = await amqp.connect({ protocol: "amqp", hostname: "127.0.0.1", port, username: user, password, vhost: "/" });
    one.on("error", () => {}); // what slipped in is closed again
    connections.push(one);
  };
  for (let number = 0; number < most; number += 1) await connect();
  let refused = null;
  for (let number = 0; number < tries && refused === null; number += 1) {
    await sleep(1000);
    await connect().catch((error) => { refused = error.message; });
  }
  let channels = 0;
  let full = null;
  while (full === null) {
    await connections[0].createChannel().then(() => { channels += 1; }, (error) => { full = error.message; });
  }
  process.stdout.write(JSON.stringify({ refused, channels, full }), () => process.exit(0));
}

main().catch((error) => { console.error(error); process.exit(2); });
