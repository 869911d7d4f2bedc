'use strict';
// Stands between the server and its node, and breaks what passes as a test says.

const http = require('node:http');

/** What can go wrong with a call; each gets the call's own answer (the call, if the node is not asked), and what is written to. */
const FAULTS = {
  /** The connection ends before the node hears of it. */
  down: { asks: false, answer: (_, response) => response.destroy() },
  /** An error of whoever stands before the node, which heard nothing. */
  busy: { asks: false, answer: (_, response) => response.writeHead(503).end('busy') },
  /** Done, and the answer lost. */
  lost: { asks: true, answer: (_, response) => response.destroy() },
  /** Done, and told as a failure. */
  failed: { asks: true, answer: (_, response) => response.writeHead(500).end('{"oops":true}') },
  /** Done, and answered with nothing that can be read. */
  garbage: { asks: true, answer: (_, response) => response.writeHead(200).end('\u0000<html>{"result":') },
  /** Done, and the answer breaks off in the middle. */
  half: {
    asks: true,
    answer: (text, response) => {
      response.writeHead(200, { 'content-length': Buffer.byteLength(text) });
      response.write(text.slice(0, text.length / 2), () => response.destroy());
    },
  },
  /** Done, and answered to another call. */
  other: { asks: true, answer: (text, response) => response.writeHead(200).end(JSON.stringify({ ...JSON.parse(text), id: 999 })) },
  /** Done, and answered with an error that says nothing about whether it was. */
  confused: { asks: true, answer: (text, response) => response.writeHead(200).end(JSON.stringify({ jsonrpc: '2.0', id: JSON.parse(text).id, error: { code: -32000, message: 'internal trouble' } })) },
  /** Answered with nothing, as by a node that is behind the others. */
  behind: { asks: false, answer: (call, response) => response.writeHead(200).end(JSON.stringify({ jsonrpc: '2.0', id: JSON.parse(call).id, result: null })) },
  /** Done, and answered late. */
  slow: { asks: true, answer: (text, response) => setTimeout(() => response.writeHead(200).end(text), 3_000) },
};

/** A proxy before a node; `choose` names the fault of a call, or nothing. */
class Proxy {
  constructor(node, choose = () => undefined) {
    this.node = node;
    this.choose = choose;
    this.calls = [];
  }

  async start() {
    this.server = http.createServer((request, response) => this.#pass(request, response).catch(() => response.destroy()));
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${this.server.address().port}`;
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }

  async #pass(request, response) {
    const parts = [];
    for await (const part of request) parts.push(part);
    const body = Buffer.concat(parts);
    const call = JSON.parse(body);
    this.calls.push({ call, headers: request.headers });
    const fault = FAULTS[this.choose(call)];
    const ask = async () => (await fetch(this.node, { method: 'POST', body, headers: { 'content-type': 'application/json' } })).text();
    if (!fault) return response.writeHead(200, { 'content-type': 'application/json' }).end(await ask());
    return fault.answer(fault.asks ? await ask() : body.toString(), response);
  }
}

module.exports = { FAULTS, Proxy };
