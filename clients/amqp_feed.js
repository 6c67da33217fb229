// Read a pharmacy's events from its own feed, in order, and resume where one left off, with amqplib (npm install amqplib).
//
//   node clients/amqp_feed.js state.json
//
// Reads HUB_URL, HUB_AMQP (host:port), PHARMACY_ID and API_KEY from the environment; makes the feed if there is none. The number
// of the last event that was worked on is kept in the file. What is not in the feed (older than it, or dropped because it was
// full) comes from `GET /api/events/`. With UNTIL=<sequence> it ends there. Needs Node 18 or newer.
"use strict";
const fs = require("node:fs");
const { setTimeout: sleep } = require("node:timers/promises");
const amqp = require("amqplib");

const { HUB_URL, HUB_AMQP, PHARMACY_ID, API_KEY } = process.env;
const UNTIL = Number(process.env.UNTIL || Infinity);

async function ask(method, path, body) {
  const headers = { "X-API-KEY": API_KEY, "Content-Type": "application/json", Prefer: "wait=10" };
  const answer = await fetch(HUB_URL + path, { method, headers, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

// Works on events, each once and in order.
class Reader {
  constructor(place) {
    this.place = place;
    this.last = fs.existsSync(place) ? JSON.parse(fs.readFileSync(place, "utf8")).last : 0;
  }

  // Do what is to be done; here: say so, and remember it.
  work(event) {
    console.log(`event ${event.sequence}: ${event.type} ${event.subject}`);
    this.last = event.sequence;
    fs.writeFileSync(`${this.place}.new`, JSON.stringify({ last: this.last }));
    fs.renameSync(`${this.place}.new`, this.place);
  }

  // Work on what the log has and the feed may not: from before it was made, or dropped because it was full.
  async catchUp() {
    for (;;) {
      const page = await ask("GET", `/api/events/?after=${this.last}&limit=500`);
      if (page.items.length === 0) return;
      page.items.forEach((event) => this.work(event));
    }
  }

  // Take an event from the feed: leave out what was seen, fetch what is missing before it.
  async take(event) {
    if (event.sequence > this.last + 1) await this.catchUp();
    if (event.sequence > this.last) this.work(event);
  }
}

// Consume until the last event that is wanted; ends with an error when the connection does.
async function follow(reader) {
  const [hostname, port] = HUB_AMQP.split(":");
  const connection = await amqp.connect({
    protocol: "amqp", hostname, port: Number(port || 5672), username: PHARMACY_ID, password: API_KEY, vhost: "/",
  });
  try {
    const channel = await connection.createChannel();
    await channel.prefetch(50);
    await new Promise((resolve, reject) => {
      for (const one of [connection, channel]) {
        one.on("error", reject);
        one.on("close", () => reject(new Error("the connection was closed")));
      }
      let turn = Promise.resolve(); // amqplib waits for nobody: one event after the other
      const receive = (message) => {
        turn = turn.then(async () => {
          if (message === null) throw new Error("the feed was removed");
          if (reader.last >= UNTIL) return;
          await reader.take(JSON.parse(message.content.toString()));
          channel.ack(message); // only now: what was not worked on comes again
          if (reader.last >= UNTIL) resolve();
        });
        turn.catch(reject);
      };
      channel.consume(`hub.out.${PHARMACY_ID}`, receive).catch(reject);
    });
    await channel.close();
  } finally {
    await connection.close().catch(() => {});
  }
}

async function main(place) {
  const reader = new Reader(place);
  await ask("POST", "/api/event-queue/", {});
  await reader.catchUp();
  while (reader.last < UNTIL) {
    // amqplib does not reconnect by itself. What was not acked comes again, in order.
    await follow(reader).catch((error) => { console.error(error.message); return sleep(1000); });
  }
}

main(process.argv[2]).catch((error) => { console.error(error.message); process.exit(2); });
