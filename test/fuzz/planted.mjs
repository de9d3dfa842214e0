/**
 * A gateway in miniature with one fault, planted by name: what the fuzzer must find. It answers the part of the admin API
 * that the fuzzer asks, and passes requests on to the first member of their service.
 */
import { readFileSync } from 'node:fs';
import { createServer, request } from 'node:http';

const [fault] = process.argv.slice(2);
const config = JSON.parse(readFileSync(process.argv[process.argv.indexOf('--config') + 1], 'utf8'));
const services = { calm: { url: config.clusters.calm.url, inFlight: 0 } };
let lastBody = '';
const kept = [];

const stateOf = ({ inFlight }) => ({ clusters: { a: { inFlight } }, waiting: 0 });

const admin = createServer((req, res) => {
  const [, noun, name] = req.url.split('/');
  bodyOf(req).then((body) => {
    if (req.method === 'PUT') services[name] = { url: JSON.parse(body).members[0].url, inFlight: 0 };
    else if (req.method === 'DELETE') delete services[name];
    const page = `process_resident_memory_bytes ${process.memoryUsage().rss}\n`;
    res.end(
      noun === 'metrics' ? page : JSON.stringify(name === undefined ? { services } : stateOf(services[name] ?? {})),
    );
  });
});

async function bodyOf(req) {
  const parts = [];
  for await (const part of req) parts.push(part);
  return Buffer.concat(parts).toString();
}

const front = createServer((req, res) => {
  const service = services[req.headers['x-understudy-service'] ?? 'calm'];
  bodyOf(req).then((body) => pass(service, { method: req.method, path: req.url, body }, res));
});

function pass(service, { method, path, body }, res) {
  service.inFlight++;
  const headers = { 'content-length': Buffer.byteLength(body) };
  const asked = request(service.url + path, { method, headers, timeout: 1_000, agent: false }, (answer) => {
    bodyOf(answer).then(
      (text) => {
        service.inFlight--;
        look(service, text);
        send(res, { type: answer.headers['content-type'], text });
      },
      () => fail(service, res),
    );
  });
  asked.on('timeout', () => asked.destroy(new Error('late')));
  asked.on('error', () => fail(service, res));
  asked.end(body);
}

function look(service, text) {
  if (service === services.calm) return;
  lastBody = text;
  if (fault === 'grows') kept.push(Buffer.alloc(2 << 20, 1));
  if (fault !== 'throws') return;
  for (const [, data] of text.matchAll(/^data: (.*)$/gm)) {
    for (const choice of choicesIn(data)) if (Number(choice?.index ?? 0) < 0) lastBody = '';
  }
}

function choicesIn(data) {
  try {
    const { choices } = JSON.parse(data);
    return Array.isArray(choices) ? choices : [];
  } catch {
    return [];
  }
}

function send(res, { type = 'text/plain', text }) {
  const length = Buffer.byteLength(text) - (fault === 'lies' && text.includes('"error"') ? 20 : 0);
  res.setHeader('content-length', Math.max(0, length));
  res.setHeader('content-type', 'text/plain');
  if (type === 'text/event-stream') res.setHeader('content-type', type);
  res.end(text);
}

function fail(service, res) {
  if (res.writableEnded) return; // a request and its answer may both fail
  if (fault !== 'keeps-places') service.inFlight--;
  if (fault === 'tells') console.log(JSON.stringify({ event: 'gateway-fault', message: 'planted' }));
  res.statusCode = 502;
  send(res, { text: fault === 'mixes' ? lastBody : 'no answer' });
}

const listening = (server) =>
  new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}`)));

console.log(JSON.stringify({ event: 'ready', url: await listening(front), adminUrl: await listening(admin) }));
