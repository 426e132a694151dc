// The page's words: English stands in the code, the other language in a catalogue.

import { CHINESE } from "./chinese.js";

export const LANGUAGES = { en: "English", "zh-CN": "简体中文" };

let chosen = navigator.languages.find((tag) => /^(en|zh)\b/.test(tag))?.startsWith("zh") ? "zh-CN" : "en";

export const language = () => chosen;

/** Change it until the page is closed: nothing is stored, this neither. */
export function choose(tag) {
  chosen = tag;
  document.documentElement.lang = tag;
}

/** A sentence in the reader's language, with its places filled. */
export function t(text, parts = {}) {
  const sentence = chosen === "zh-CN" ? (CHINESE[text] ?? text) : text;
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => String(parts[name] ?? whole));
}

/** What `say` noted, told. */
export const told = ({ text, parts }) => t(text, parts);
