// Reading a zip file: stored and deflated entries, every one of them held to its size and checksum.

import { Refusal } from "./refusal.js";

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;

/** Every file of a zip by its name. */
export async function unzipped(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const files = new Map();
  try {
    const end = endOf(view);
    let at = view.getUint32(end + 16, true);
    for (let left = view.getUint16(end + 10, true); left > 0; left--) {
      const entry = entryAt(view, bytes, at);
      files.set(entry.name, await content(view, bytes, entry));
      at = entry.next;
    }
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal("{name} cannot be read", { name: "browser.zip" });
  }
  return files;
}

function endOf(view) {
  for (let at = view.byteLength - 22; at >= 0; at--) if (view.getUint32(at, true) === END) return at;
  throw new RangeError("no end");
}

function entryAt(view, bytes, at) {
  if (view.getUint32(at, true) !== ENTRY) throw new RangeError("no entry");
  const [name, extra, comment] = [28, 30, 32].map((place) => view.getUint16(at + place, true));
  return {
    name: new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(at + 46, at + 46 + name)),
    method: view.getUint16(at + 10, true),
    checksum: view.getUint32(at + 16, true),
    packed: view.getUint32(at + 20, true),
    size: view.getUint32(at + 24, true),
    local: view.getUint32(at + 42, true),
    next: at + 46 + name + extra + comment,
  };
}

async function content(view, bytes, entry) {
  if (view.getUint32(entry.local, true) !== LOCAL) throw new RangeError("no file");
  const from = entry.local + 30 + view.getUint16(entry.local + 26, true) + view.getUint16(entry.local + 28, true);
  const packed = bytes.subarray(from, from + entry.packed);
  const whole = entry.method === 0 ? packed : await inflated(packed);
  if (whole.length !== entry.size || checksum(whole) !== entry.checksum) throw new RangeError(entry.name);
  return whole;
}

async function inflated(packed) {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1;
  return byte;
});

function checksum(bytes) {
  let sum = 0xffffffff;
  for (let at = 0; at < bytes.length; at++) sum = TABLE[(sum ^ bytes[at]) & 255] ^ (sum >>> 8);
  return (sum ^ 0xffffffff) >>> 0;
}
