// The release beside this page: fetched once, held to its signature byte by byte, and only then used.

import { unzipped } from "./archive.js";
import { Refusal } from "./refusal.js";
import { readKey, sha256, signedDigests } from "./signature.js";

const FORMAT = 1;
const PAGE = "page/";
const SITE = /^self\.SITE = (\{.*\});\n$/;

/** A release that holds, with the files of this page as they were signed; `tell` hears how far it is. */
export async function openRelease(tell) {
  if (!globalThis.crypto?.subtle) {
    throw new Refusal("This page works only over https, or from this very computer: elsewhere a browser checks no signature");
  }
  tell("signature");
  const key = await readKey(text(await fetched("signing.pub")));
  const signed = await signedDigests(text(await fetched("release/signature.json")), key);
  tell("files");
  const files = await signedFiles(signed);
  const manifest = JSON.parse(text(files.get("manifest.json")));
  const signing = JSON.parse(text(files.get("signing.json")));
  await agree(files, manifest, signing);
  const own = await unzipped(files.get(manifest.targets.browser.file));
  await refuseOtherPage(own);
  refuseExpired(manifest, new Date());
  return { manifest, signing, own, fingerprint: key.fingerprint, signed: signed.size, card: text(files.get("card.md")), read: (name) => JSON.parse(text(files.get(name))) };
}

/** A release past its last day gives no estimate any more; days are those of UTC. */
export function refuseExpired(manifest, now) {
  const today = now.toISOString().slice(0, 10);
  if (manifest.valid_until && today > manifest.valid_until) {
    throw new Refusal("The release was valid until {day}; today is {today}", { day: manifest.valid_until, today });
  }
}

async function fetched(name) {
  const where = name.split("/").map(encodeURIComponent).join("/");
  const reply = await fetch(where, { cache: "no-cache" }).catch(() => null);
  if (!reply?.ok) throw new Refusal("{name} is missing or cannot be read", { name });
  return new Uint8Array(await reply.arrayBuffer());
}

async function signedFiles(signed) {
  const names = [...signed.keys()];
  const contents = await Promise.all(names.map((name) => fetched(`release/${name}`)));
  const found = await Promise.all(contents.map(sha256));
  const changed = names.filter((name, place) => found[place] !== signed.get(name));
  if (changed.length) throw new Refusal("{names} differs from what was signed", { names: changed.join(", ") });
  return new Map(names.map((name, place) => [name, contents[place]]));
}

/** What was signed must also agree with itself, as the server demands it. */
async function agree(files, manifest, signing) {
  if (manifest.format !== FORMAT) throw new Refusal("The release is of a format that this page does not read");
  const listed = Object.entries(manifest.files);
  const wrong = listed.filter(([name]) => !files.has(name)).map(([name]) => name);
  for (const [name, digest] of listed) if (files.has(name) && (await sha256(files.get(name))) !== digest) wrong.push(name);
  const target = manifest.targets.browser;
  if (wrong.length || !target || manifest.files[target.file] !== target.digest) {
    throw new Refusal("The release does not agree with its own manifest ({names})", { names: wrong.join(", ") || "browser" });
  }
  const evidence = await sha256(files.get("evidence.json"));
  if (signing.candidate_digest !== (await candidateDigest(files)) || signing.evidence_digest !== evidence) {
    throw new Refusal("signing.json is about another candidate or other evidence");
  }
}

const OUTSIDE_DIGEST = new Set(["evidence.json", "report.html", "card.md", "signing.json", "signature.json"]);

async function candidateDigest(files) {
  const names = [...files.keys()].filter((name) => !OUTSIDE_DIGEST.has(name)).sort(byBytes);
  const lines = await Promise.all(names.map(async (name) => `${name} ${await sha256(files.get(name))}\n`));
  return sha256(new TextEncoder().encode(lines.join("")));
}

function byBytes(one, other) {
  const [left, right] = [one, other].map((name) => new TextEncoder().encode(name));
  const place = left.findIndex((byte, at) => byte !== right[at]);
  return place < 0 ? left.length - right.length : left[place] - (right[place] ?? -1);
}

/** The files that run here must be those that were signed, and the list of what is kept for offline use nothing more. */
async function refuseOtherPage(own) {
  const names = [...own.keys()].filter((name) => name.startsWith(PAGE));
  const served = await Promise.all(names.map((name) => fetched(name.slice(PAGE.length))));
  const other = names.filter((name, place) => !equal(served[place], own.get(name))).map((name) => name.slice(PAGE.length));
  if (!onlyAList(text(await fetched("site.js")))) other.push("site.js");
  if (other.length) throw new Refusal("{names} differs from what was signed", { names: other.join(", ") });
}

function onlyAList(script) {
  try {
    const { digest, files, ...more } = JSON.parse(SITE.exec(script)[1]);
    return [digest, ...Object.values(files)].every((one) => /^[0-9a-f]{64}$/.test(one)) && !Object.keys(more).length;
  } catch {
    return false;
  }
}

function equal(one, other) {
  return one.length === other.length && one.every((byte, place) => byte === other[place]);
}

function text(bytes) {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}
