// What this release is, who signed it, and what this page can and cannot do.

import { element } from "./elements.js";
import { t } from "./language.js";

/** The card below the form. */
export function aboutCard({ manifest, signing, fingerprint, signed, card }, offline) {
  const when = new Date(signing.at).toISOString().slice(0, 10);
  const rows = [
    [t("Release"), `${manifest.name} ${manifest.version}`],
    [t("Signature"), t("holds: {count} files are what {name} signed on {day}", { count: signed, name: signing.by, day: when })],
    [t("Key"), [element("code", { id: "fingerprint" }, grouped(fingerprint)), element("p", { class: "hint" }, t("Compare it with the fingerprint that your hospital gave you."))]],
    [t("Release digest"), element("code", {}, signing.candidate_digest)],
    [t("Valid until"), manifest.valid_until ?? t("no last day is declared")],
    [t("Runtime"), `${manifest.targets.browser.runtime} · ${t("golden cases passed on this device")}`],
    [t("Without a network"), offline ? t("ready: this page needs no server any more") : t("not yet: keep the connection for a moment")],
    [t("Report"), link("release/", "report.html", t("Validation report"))],
    [t("Licences"), ["bedside", "onnxruntime-web", "onnxruntime-web-third-party"].map((name) => [link("licences/", `${name}.txt`, name), " "])],
  ];
  return element(
    "section",
    { class: "card", id: "about" },
    element("h2", {}, t("This release")),
    element("dl", { class: "facts" }, rows.map(([name, words]) => [element("dt", {}, name), element("dd", {}, words)])),
    element("details", {}, element("summary", {}, t("Model card")), element("pre", {}, card)),
    element("p", { class: "quiet" }, t("Nothing that is typed here is stored or sent; it is gone when the page is closed. The page cannot hear that a release was suspended: only its last day stops it.")),
  );
}

const grouped = (digest) => digest.match(/.{8}/g).join(" ");
const link = (folder, name, words) => element("a", { href: folder + name }, words);
