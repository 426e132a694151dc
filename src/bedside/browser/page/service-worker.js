// Keeps the files of this page and of its release for use without a network: those that site.js lists, and nothing else.

importScripts("site.js");

const OURS = `bedside ${registration.scope} `;
const KEPT = OURS + SITE.digest;

addEventListener("install", (event) => event.waitUntil(fill()));
addEventListener("activate", (event) => event.waitUntil(takeOver()));
addEventListener("message", (event) => event.data === "replace" && skipWaiting());
addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method === "GET" && url.startsWith(registration.scope)) event.respondWith(kept(event.request));
});

/** All files or none; one that was damaged on the way is not kept. */
async function fill() {
  const cache = await caches.open(KEPT);
  await cache.add(new Request("site.js", { cache: "no-cache" }));
  await Promise.all(Object.entries(SITE.files).map(([name, digest]) => keep(cache, name, digest)));
}

async function keep(cache, name, digest) {
  const reply = await fetch(name, { cache: "no-cache" });
  const found = new Uint8Array(await crypto.subtle.digest("SHA-256", await reply.clone().arrayBuffer()));
  const text = Array.from(found, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (!reply.ok || text !== digest) throw new Error(`${name} is not what site.js lists`);
  await cache.put(name, reply);
}

async function takeOver() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(OURS) && name !== KEPT).map((name) => caches.delete(name)));
  await clients.claim();
}

async function kept(request) {
  const plain = request.url.split(/[?#]/)[0];
  const cache = await caches.open(KEPT);
  return (await cache.match(plain === registration.scope ? `${plain}index.html` : plain)) ?? fetch(request);
}
