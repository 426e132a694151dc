// What this page says no to: a sentence with its figures, told in the reader's language when it is shown.

/** A sentence of the catalogue with what fills its places: `say(sentence, {name})` where it has {name}. */
export const say = (text, parts = {}) => ({ text, parts });

/** The release, the runtime or a value cannot be used. */
export class Refusal extends Error {
  constructor(text, parts = {}) {
    super(text.replace(/\{(\w+)\}/g, (whole, name) => String(parts[name] ?? whole)));
    this.said = say(text, parts);
  }
}
