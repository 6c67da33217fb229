#!/usr/bin/env node
// Receive webhooks with the specification's own library: npm install standardwebhooks
//
//     WEBHOOK_SECRET=whsec_... node clients/webhooks/receive.js 8099
//
// Answers 204 to what is genuine, also the second time, and 400 to everything else.
"use strict";

const http = require("node:http");
const { Webhook, WebhookVerificationError } = require("standardwebhooks");

const webhook = new Webhook(process.env.WEBHOOK_SECRET);
const done = new Set();

http
  .createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      try {
        // The raw bytes: JSON that was parsed and written again has another signature.
        const event = webhook.verify(Buffer.concat(chunks), request.headers);
        // A delivery is repeated until it is answered 2xx, so the same id may come twice.
        if (!done.has(request.headers["webhook-id"])) {
          done.add(request.headers["webhook-id"]);
          console.log(`webhook ${event.sequence}: ${event.type}`);
        }
        response.writeHead(204).end();
      } catch (error) {
        if (!(error instanceof WebhookVerificationError)) throw error;
        response.writeHead(400).end();
      }
    });
  })
  .listen(Number(process.argv[2]), "127.0.0.1");
