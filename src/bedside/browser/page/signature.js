// Whether signature.json was made with the given key, and what it says: OpenSSF model signing, a Sigstore bundle with a
// DSSE envelope (https://github.com/secure-systems-lab/dsse/blob/v1.0.0/protocol.md), checked by WebCrypto.

import { Refusal } from "./refusal.js";

const BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json";
const PAYLOAD = "application/vnd.in-toto+json";
const STATEMENT = "https://in-toto.io/Statement/v1";
const PREDICATE = "https://model_signing/signature/v1.0";
// Each file whole, none ignored, no link followed: what stands in a signature steers how it is checked.
const PLAIN = { method: "files", hash_type: "sha256", allow_symlinks: false };

const CURVES = {
  "1.2.840.10045.3.1.7": { name: "P-256", hash: "SHA-256", bytes: 32 },
  "1.3.132.0.34": { name: "P-384", hash: "SHA-384", bytes: 48 },
  "1.3.132.0.35": { name: "P-521", hash: "SHA-512", bytes: 66 },
};

/** SHA-256 in lower-case hexadecimal. */
export async function sha256(bytes) {
  return hexadecimal(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}

/** A public key from its PEM text, with its fingerprint: SHA-256 of the PEM text in its canonical form. */
export async function readKey(pem) {
  const body = /-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----/.exec(pem);
  try {
    const der = fromBase64(body[1].replace(/\s/g, ""));
    const curve = CURVES[curveOf(der)];
    const key = await crypto.subtle.importKey("spki", der, { name: "ECDSA", namedCurve: curve.name }, false, ["verify"]);
    return { key, curve, fingerprint: await sha256(new TextEncoder().encode(canonical(der))) };
  } catch {
    throw new Refusal("signing.pub holds no public key that can be read");
  }
}

/** File name → SHA-256 as the signature states them. Refuses a signature that does not hold. */
export async function signedDigests(text, { key, curve, fingerprint }) {
  const { bundle, payload, statement } = parsed(text);
  const hint = bundle.verificationMaterial.publicKey.hint;
  if (hint !== fingerprint) {
    throw new Refusal("The signature was made with another key ({hint}…), not with the given one ({key}…)", {
      hint: String(hint).slice(0, 16),
      key: fingerprint.slice(0, 16),
    });
  }
  const seal = rawSignature(fromBase64(bundle.dsseEnvelope.signatures[0].sig), curve.bytes);
  const held = await crypto.subtle.verify({ name: "ECDSA", hash: curve.hash }, key, seal, signedBytes(payload));
  if (!held) throw new Refusal("The signature does not hold: it was changed after signing");
  return digests(statement);
}

function parsed(text) {
  try {
    const bundle = JSON.parse(text);
    const payload = fromBase64(bundle.dsseEnvelope.payload);
    const statement = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
    refuseOddForm(bundle, statement);
    return { bundle, payload, statement };
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal("signature.json cannot be read as a signature; it is cut short or damaged");
  }
}

function refuseOddForm(bundle, statement) {
  const { serialization, resources } = statement.predicate;
  const form =
    bundle.mediaType === BUNDLE &&
    bundle.dsseEnvelope.payloadType === PAYLOAD &&
    bundle.dsseEnvelope.signatures.length === 1 &&
    statement._type === STATEMENT &&
    statement.predicateType === PREDICATE &&
    statement.subject.length === 1;
  if (!form) throw new Refusal("The signature is of a form that is not accepted");
  const keys = Object.keys(serialization);
  const plain = keys.length === Object.keys(PLAIN).length && keys.every((name) => serialization[name] === PLAIN[name]);
  if (!plain) throw new Refusal("The signature does not cover every file as it is");
  const sound = resources.every((one) => one.algorithm === "sha256" && /^[^/\\]+$/.test(one.name));
  if (!sound) throw new Refusal("The signature is of a form that is not accepted");
}

function digests(statement) {
  return new Map(statement.predicate.resources.map((one) => [one.name, one.digest]));
}

/** DSSE's pre-authentication encoding of the payload. */
function signedBytes(payload) {
  const head = new TextEncoder().encode(`DSSEv1 ${PAYLOAD.length} ${PAYLOAD} ${payload.length} `);
  const all = new Uint8Array(head.length + payload.length);
  all.set(head);
  all.set(payload, head.length);
  return all;
}

/** An ECDSA signature as WebCrypto takes it (r and s side by side) from its DER form. */
function rawSignature(der, bytes) {
  const raw = new Uint8Array(2 * bytes);
  try {
    let at = der[1] & 0x80 ? 3 : 2;
    for (let part = 0; part < 2; part++) {
      const length = der[at + 1];
      const number = der.subarray(at + 2, at + 2 + length);
      const plain = number.subarray(number.findIndex((byte, place) => byte !== 0 || place === length - 1));
      raw.set(plain, (part + 1) * bytes - plain.length);
      at += 2 + length;
    }
  } catch {
    throw new Refusal("signature.json cannot be read as a signature; it is cut short or damaged");
  }
  return raw;
}

/** The object identifier of the curve in a SubjectPublicKeyInfo: the second one in it. */
function curveOf(der) {
  const start = der[1] & 0x80 ? 3 : 2;
  const first = start + 2;
  const second = first + 2 + der[first + 1];
  return objectIdentifier(der.subarray(second + 2, second + 2 + der[second + 1]));
}

function objectIdentifier(bytes) {
  const numbers = [Math.floor(bytes[0] / 40), bytes[0] % 40];
  let number = 0;
  for (const byte of bytes.subarray(1)) {
    number = number * 128 + (byte & 0x7f);
    if (byte & 0x80) continue;
    numbers.push(number);
    number = 0;
  }
  return numbers.join(".");
}

function canonical(der) {
  const lines = btoa(String.fromCharCode(...der)).match(/.{1,64}/g);
  return `-----BEGIN PUBLIC KEY-----\n${lines.join("\n")}\n-----END PUBLIC KEY-----\n`;
}

function fromBase64(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function hexadecimal(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
