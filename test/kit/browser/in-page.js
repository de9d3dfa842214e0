/* global document, navigator, Blob, XMLHttpRequest, WebSocket, EventSource */
/**
 * Runs inside the attacking page (attacks.ts hands its text to the browser): everything that a page can send without its
 * user's help. Each attack answers with what it saw; one that hears nothing is given up, much later than any answer takes.
 */
({ url, method, body }) => {
  const PLAIN = 'text/plain;charset=UTF-8';
  const MS_MAX = 8_000;
  const content = method === 'GET' ? {} : { body };
  const short = (text) => text.slice(0, 200);

  const asked = async (init) => {
    const answer = await fetch(url, { method, ...content, ...init });
    return answer.ok ? `${answer.status} ${short(await answer.text())}` : null;
  };
  /** An event named `good` means that something was there. */
  const event = (thing, good) =>
    new Promise((resolve) => {
      thing[good] = () => resolve(good);
      thing.onerror = () => resolve(null);
    });
  const element = (tag, given) => {
    const made = Object.assign(document.createElement(tag), given);
    const seen = event(made, 'onload');
    document.body.append(made);
    return seen;
  };
  const insideOf = (frame) => {
    const inside = frame.contentDocument?.body?.innerText ?? '';
    const [loaded] = frame.contentWindow?.performance.getEntriesByType('navigation') ?? [];
    return inside === '' || loaded?.responseStatus >= 400 ? null : short(inside);
  };
  const framed = async () => {
    const frame = Object.assign(document.createElement('iframe'), { src: url });
    const loaded = event(frame, 'onload');
    document.body.append(frame);
    await loaded;
    return insideOf(frame);
  };
  /** As text/plain a form sends name=value: the sign between them becomes part of a JSON text. */
  const posted = async (enctype) => {
    const frame = Object.assign(document.createElement('iframe'), { name: `form-${Math.random()}` });
    document.body.append(frame);
    const loaded = event(frame, 'onload');
    const given = { action: url, method: 'POST', enctype, target: frame.name };
    const form = Object.assign(document.createElement('form'), given);
    const value = { name: `${body.slice(0, -1)},"x":"`, value: '"}' };
    form.append(Object.assign(document.createElement('input'), value));
    document.body.append(form);
    form.submit();
    await loaded;
    return insideOf(frame);
  };
  const xhr = () => {
    const made = new XMLHttpRequest();
    made.open(method, url);
    const seen = event(made, 'onload').then((got) =>
      got !== null && made.status < 400 ? `${made.status} ${short(made.responseText)}` : null,
    );
    made.send(method === 'GET' ? null : body);
    return seen;
  };

  const attacks = {
    fetch: () => asked({}),
    'fetch no-cors': () => asked({ method: method === 'GET' ? 'GET' : 'POST', mode: 'no-cors' }),
    'fetch text/plain': () => asked({ headers: { 'content-type': PLAIN } }),
    'fetch JSON': () => asked({ headers: { 'content-type': 'application/json' } }),
    'fetch with Authorization': () => asked({ headers: { authorization: 'x' } }),
    'fetch with cookies': () => asked({ credentials: 'include' }),
    XMLHttpRequest: xhr,
    beacon: () => (navigator.sendBeacon(url, new Blob([body], { type: PLAIN })), null),
    WebSocket: () => event(new WebSocket(url.replace('http', 'ws')), 'onopen'),
    EventSource: () => event(new EventSource(url), 'onopen'),
    iframe: framed,
    image: () => element('img', { src: url }),
    script: () => element('script', { src: url }),
    stylesheet: () => element('link', { rel: 'stylesheet', href: url }),
    'form text/plain': () => posted('text/plain'),
    'form urlencoded': () => posted('application/x-www-form-urlencoded'),
    'form multipart': () => posted('multipart/form-data'),
  };
  const late = new Promise((resolve) => setTimeout(() => resolve(null), MS_MAX));
  return Promise.all(
    Object.entries(attacks).map(async ([name, attack]) => {
      const saw = (async () => await attack())().catch(() => null);
      return [name, await Promise.race([saw, late])];
    }),
  );
};
