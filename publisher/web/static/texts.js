// Gives the other scripts their texts in the reader's language, which the page brings along.
const { language, texts } = JSON.parse(document.getElementById("texts").textContent);
const plurals = new Intl.PluralRules(language);
const FIELD = /\{(\w+)\}/;

function find(name, values) {
  const text = texts[name];
  return typeof text === "string" ? text : (text[plurals.select(values.count)] ?? text.other);
}

// Returns a text with its fields filled.
globalThis.textOf = (name, values = {}) => find(name, values).replace(new RegExp(FIELD, "g"), (field, key) => values[key] ?? field);

// Returns a text as nodes; each field is an element or a text.
globalThis.nodesOf = (name, values = {}) => find(name, values).split(FIELD).map((part, index) => (index % 2 ? (values[part] ?? "") : part));

globalThis.numberOf = (value) => value.toLocaleString(language);
