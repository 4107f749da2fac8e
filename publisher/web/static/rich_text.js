// Turns HTML that somebody pastes, from Word, Google Docs or a web page, into the Markdown of a post's text.
const SUPERSCRIPT = { "0": "⁰", "1": "¹", "2": "²", "3": "³", "4": "⁴", "5": "⁵", "6": "⁶", "7": "⁷", "8": "⁸", "9": "⁹", "+": "⁺", "-": "⁻", "−": "⁻", "–": "⁻", "=": "⁼", "(": "⁽", ")": "⁾", a: "ᵃ", b: "ᵇ", c: "ᶜ", d: "ᵈ", e: "ᵉ", f: "ᶠ", g: "ᵍ", h: "ʰ", i: "ⁱ", j: "ʲ", k: "ᵏ", l: "ˡ", m: "ᵐ", n: "ⁿ", o: "ᵒ", p: "ᵖ", r: "ʳ", s: "ˢ", t: "ᵗ", u: "ᵘ", v: "ᵛ", w: "ʷ", x: "ˣ", y: "ʸ", z: "ᶻ" };
const SUBSCRIPT = { "0": "₀", "1": "₁", "2": "₂", "3": "₃", "4": "₄", "5": "₅", "6": "₆", "7": "₇", "8": "₈", "9": "₉", "+": "₊", "-": "₋", "−": "₋", "–": "₋", "=": "₌", "(": "₍", ")": "₎", a: "ₐ", e: "ₑ", h: "ₕ", i: "ᵢ", j: "ⱼ", k: "ₖ", l: "ₗ", m: "ₘ", n: "ₙ", o: "ₒ", p: "ₚ", r: "ᵣ", s: "ₛ", t: "ₜ", u: "ᵤ", v: "ᵥ", x: "ₓ", "β": "ᵦ", "γ": "ᵧ", "ρ": "ᵨ", "φ": "ᵩ", "χ": "ᵪ" };
const SCRIPTS = { super: SUPERSCRIPT, sub: SUBSCRIPT };
const SKIPPED = new Set(["SCRIPT", "STYLE", "TEMPLATE", "TITLE", "HEAD", "META", "LINK", "NOSCRIPT", "OBJECT", "SVG", "MATH", "TEXTAREA", "SELECT", "BUTTON"]);
const BLOCKS = new Set(["P", "DIV", "SECTION", "ARTICLE", "HEADER", "FOOTER", "MAIN", "ASIDE", "FIGURE", "FIGCAPTION", "BLOCKQUOTE", "UL", "OL", "LI", "TABLE", "TR", "PRE", "DL", "DT", "DD", "HR", "ADDRESS", "H1", "H2", "H3", "H4", "H5", "H6"]);
const BOLD_WEIGHT = 600;
const MAX_NESTING = 200;

// Returns a text in superscript or subscript; null where some character of it has no such form.
export function toScript(text, kind) {
  const letters = [...text].map((letter) => (/\s/.test(letter) ? letter : SCRIPTS[kind][letter]));
  return letters.includes(undefined) ? null : letters.join("");
}

// Returns { markdown, unscripted, pictures }: the texts that could not be raised or lowered, and how many pictures were left out.
export function toMarkdown(html) {
  const reader = new Reader();
  // A parsed document loads nothing and runs nothing. The desk's pages allow no styles or handlers in it: they become data.
  const styleless = html.replace(/<[^>]*>/g, (tag) => tag.replace(/[\s/](style|on\w+)(?=\s*=)/gi, " data-$1").replace(/^<(\/?)style\b/i, "<$1template"));
  reader.read(new DOMParser().parseFromString(styleless, "text/html").body, { bold: false, italic: false, link: "", script: "", preformatted: false, depth: 0 });
  reader.endBlock();
  return { markdown: reader.blocks.map(written).reduce(joined, ""), unscripted: reader.unscripted, pictures: reader.pictures };
}

class Reader {
  blocks = [];
  unscripted = [];
  pictures = 0;
  lists = [];
  quotes = 0;
  runs = [];
  marker = "";

  read(element, style) {
    for (const node of element.childNodes) {
      if (node.nodeType === Node.TEXT_NODE) this.addText(node.data, style);
      else if (node.nodeType === Node.ELEMENT_NODE && style.depth < MAX_NESTING) this.readElement(node, { ...style, depth: style.depth + 1 });
    }
  }

  readElement(element, style) {
    const name = element.tagName.toUpperCase();
    if (SKIPPED.has(name) || isHidden(element)) return;
    if (name === "BR") return this.addBreak();
    if (name === "IMG") return this.addPicture(element);
    if (isWordListItem(element)) return this.readWordListItem(element, style);
    if (!BLOCKS.has(name)) return this.readInline(element, name, style);
    this.readBlock(element, name, style);
  }

  readInline(element, name, style) {
    if (name === "TD" || name === "TH") {
      if (this.runs.length) this.addText(" ", style);
      if (this.runs.length) this.addText("· ", style);
    }
    this.read(element, styleOf(element, name, style));
  }

  readBlock(element, name, style) {
    this.endBlock();
    const list = name === "UL" || name === "OL";
    if (list) this.lists.push({ ordered: name === "OL", next: Number(element.getAttribute("start") ?? 1) || 1 });
    if (name === "LI") this.beginItem();
    if (name === "BLOCKQUOTE") this.quotes += 1;
    const heading = /^H[1-6]$/.test(name);
    this.read(element, { ...styleOf(element, name, style), ...(heading ? { bold: true } : {}), preformatted: style.preformatted || name === "PRE" });
    this.endBlock();
    if (name === "BLOCKQUOTE") this.quotes -= 1;
    if (list) this.lists.pop();
  }

  beginItem() {
    const list = this.lists.at(-1) ?? { ordered: false };
    const indent = "   ".repeat(Math.max(0, this.lists.length - 1));
    this.marker = indent + (list.ordered ? `${list.next++}. ` : "- ");
  }

  // Word writes a list as paragraphs, each with its bullet or number as a text that is marked to be ignored.
  readWordListItem(element, style) {
    this.endBlock();
    const sign = [...element.querySelectorAll("span")].find((span) => /mso-list:\s*ignore/i.test(span.dataset.style ?? ""));
    const number = /(\d+)/.exec(sign?.textContent ?? "");
    const level = Number(/level(\d)/i.exec(element.dataset.style ?? "")?.[1] ?? 1);
    sign?.remove();
    this.marker = "   ".repeat(level - 1) + (number ? `${number[1]}. ` : "- ");
    this.read(element, style);
    this.endBlock();
  }

  addPicture(element) {
    // A picture of one pixel counts visits; one with a character as its text is an emoji.
    if ([...element.alt].length === 1) this.addText(element.alt, { bold: false, italic: false, link: "", script: "" });
    else if (element.getAttribute("width") !== "1") this.pictures += 1;
  }

  addBreak() {
    this.runs.push({ text: "\n", bold: false, italic: false, link: "" });
  }

  addText(data, { bold, italic, link, script, preformatted }) {
    let text = preformatted ? data : data.replace(/[ \t\r\n\f]+/g, " ");
    if (script && text.trim()) {
      const shown = toScript(text, script);
      if (shown === null) this.unscripted.push(text.trim());
      else text = shown;
    }
    const last = this.runs.at(-1);
    if (last && last.text !== "\n" && last.bold === bold && last.italic === italic && last.link === link) last.text += text;
    else this.runs.push({ text, bold, italic, link });
  }

  endBlock() {
    const text = writeRuns(this.runs);
    this.runs = [];
    if (!text) return;
    this.blocks.push({ text, marker: this.marker, quotes: this.quotes });
    this.marker = this.marker && " ".repeat(this.marker.length);
    if (!this.lists.length) this.marker = "";
  }
}

// Google Docs puts everything into a <b> of normal weight; Word and it say with styles what others say with elements.
function styleOf(element, name, style) {
  const css = declarations(element);
  const named = {
    bold: style.bold || name === "B" || name === "STRONG" || name === "TH",
    italic: style.italic || ["I", "EM", "CITE", "DFN", "VAR"].includes(name),
    script: { SUP: "super", SUB: "sub" }[name] ?? style.script,
    link: name === "A" ? webAddress(element.getAttribute("href") ?? "") : style.link,
  };
  const weight = { bold: 700, bolder: 700, normal: 400, lighter: 300 }[css.get("font-weight")] ?? Number(css.get("font-weight"));
  if (weight) named.bold = weight >= BOLD_WEIGHT;
  if (["italic", "oblique", "normal"].includes(css.get("font-style"))) named.italic = css.get("font-style") !== "normal";
  if (["super", "sub"].includes(css.get("vertical-align"))) named.script = css.get("vertical-align");
  if (css.get("vertical-align") === "baseline") named.script = "";
  return { ...style, ...named };
}

function declarations(element) {
  const all = (element.dataset.style ?? "").toLowerCase().split(";").map((declaration) => declaration.split(":"));
  return new Map(all.filter((parts) => parts.length === 2).map(([name, value]) => [name.trim(), value.trim()]));
}

function isHidden(element) {
  return element.hidden || declarations(element).get("display") === "none" || /mso-hide:\s*all/i.test(element.dataset.style ?? "");
}

function isWordListItem(element) {
  return /mso-list:\s*(?!ignore|none)/i.test(element.dataset.style ?? "");
}

// Returns an address that followers can open; a link inside the pasted text, to a file or to a program is none.
function webAddress(href) {
  if (!/^https?:\/\//i.test(href) || !URL.canParse(href)) return "";
  const url = new URL(href);
  const target = url.hostname.endsWith(".google.com") && url.pathname === "/url" && url.searchParams.get("q");
  return target ? webAddress(target) : url.href;
}

// A post's text has emphasis inside a word at one end of it only, and there for one word: stars elsewhere are a formula's.
const WORD = /^[\p{L}\p{N}\p{M}\u2010\u2011-]+$/u;
const LETTER = /\p{L}/u;
const isLetter = (letter) => letter !== undefined && LETTER.test(letter);

function canBeMarked(words, before, after) {
  const startsInWord = isWordCharacter(before);
  if (!startsInWord && !isWordCharacter(after)) return true;
  if (startsInWord && isWordCharacter(after)) return false;
  return WORD.test(words) && LETTER.test(words) && (!startsInWord || (isLetter(before) && isLetter([...words][0])));
}

const isWordCharacter = (letter) => letter !== undefined && /[\p{Lu}\p{Ll}\p{Lt}\p{Lo}\p{Nd}]/u.test(letter);

const isPlain = (run) => run !== undefined && !run.bold && !run.italic && !run.link;

// Puts spaces, and signs at which Markdown would not see its marks, outside of emphasis.
function tightened(runs) {
  const tight = [];
  runs.forEach((run, index) => {
    if (!run.bold && !run.italic) return tight.push(run);
    const [last, next] = [[...(runs[index - 1]?.text ?? "")].at(-1), [...(runs[index + 1]?.text ?? "")][0]];
    const before = isWordCharacter(last) ? "[\\p{P}\\p{S}]*" : "";
    const after = isWordCharacter(next) ? "[\\p{P}\\p{S}]*" : "";
    const [, start, middle, end] = new RegExp(`^(\\s*${before}\\s*)(.*?)(\\s*${after}\\s*)$`, "su").exec(run.text);
    // Beside other marks a mark is never taken for a sign of a formula.
    const outside = [start || isPlain(runs[index - 1]) ? start || last : undefined, end || isPlain(runs[index + 1]) ? end || next : undefined];
    if (!canBeMarked(middle, [...(outside[0] ?? "")].at(-1), [...(outside[1] ?? "")][0])) return tight.push({ ...run, bold: false, italic: false });
    for (const [text, marked] of [[start, false], [middle, true], [end, false]]) {
      if (text) tight.push({ ...run, text, bold: run.bold && marked, italic: run.italic && marked });
    }
  });
  return tight;
}

function writeRuns(runs) {
  const trimmed = runs.map((run) => ({ ...run, text: run.text.replaceAll("\u00ad", "") })).filter((run) => run.text);
  const text = tightened(trimmed).map(writeRun).join("");
  return text.split("\n").map((line) => line.replace(/[ \t]+/g, " ").trim()).join("\n").replace(/\n{3,}/g, "\n\n").trim();
}

function writeRun({ text, bold, italic, link }) {
  let shown = escaped(text);
  if (link && shown.trim() && shown.trim() !== link) shown = `[${shown.trim()}](${link.replaceAll("(", "%28").replaceAll(")", "%29")})${/\s$/.test(shown) ? " " : ""}`;
  if (italic && bold) return `***${shown}***`;
  if (bold) return `**${shown}**`;
  return italic ? `*${shown}*` : shown;
}

// Writes a sign so that Markdown takes it for what it is.
function escaped(text) {
  return text.replace(/\\(?=[!-/:-@[-`{-~])/g, "\\\\").replace(/\*/g, "\\*").replace(/(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, "\\_").replace(/\[(?=\^|\[|[^\]]*\][([])/g, "\\[").replace(/<(?=[a-z/!?])/gi, "\\<").replace(/&(?=#?\w+;)/g, "\\&").replace(/\{(?=[{%])/g, "\\{");
}

function written({ text, marker, quotes }) {
  const start = marker ? text : text.replace(/^(\s*)(>|#(?=#{0,5}\s)|[-+](?=\s)|(\d{1,9})([.)])(?=\s))/, (whole, space, sign, number, dot) => (number ? `${space}${number}\\${dot}` : `${space}\\${sign}`));
  const indent = " ".repeat(marker.length);
  const lines = start.split("\n").map((line, index) => (index ? indent : marker) + line);
  return { isItem: Boolean(marker.trim()), continues: Boolean(marker) && !marker.trim(), text: lines.map((line) => "> ".repeat(quotes) + line).join("\n") };
}

function joined(text, block, index, blocks) {
  if (!index) return block.text;
  return text + (block.isItem && (blocks[index - 1].isItem || blocks[index - 1].continues) ? "\n" : "\n\n") + block.text;
}
