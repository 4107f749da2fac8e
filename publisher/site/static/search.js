// Searches the index of a static export: small files of words, by their first letters. See publisher/site/search_index.py.
"use strict";

const MAX_WORDS = 8;
const MAX_SHOWN = 60;
const MIN_PREFIX = 3;
const SMALL_WORDS = new Set("a al als an and d de del dels el els en i in l la les of or s the un una".split(" "));

/** Folds a text like the program: no accents, no case, the Catalan l·l as ll. */
function wordsOf(text) {
  const plain = text.normalize("NFKC").toLowerCase().replace(/(l)[·•‧∙⋅・](?=l)/g, "$1");
  const folded = plain.normalize("NFKD").replace(/\p{M}/gu, "");
  const words = [...new Set(folded.match(/[\p{L}\p{N}]+/gu) || [])];
  const telling = words.filter((word) => !SMALL_WORDS.has(word));
  return (telling.length ? telling : words).slice(0, MAX_WORDS);
}

function shardOf(word) {
  return [...word].slice(0, 2).map((letter) => letter.codePointAt(0)).join("-");
}

/** Decides whether a word of the index is meant by a searched one: the same, a longer one, or its stem. */
function isMeant(searched, indexed) {
  if (indexed === searched || (searched.length >= MIN_PREFIX && indexed.startsWith(searched))) return true;
  return indexed.length > MIN_PREFIX && searched.length - indexed.length <= 2 && searched.startsWith(indexed);
}

async function postsWith(word, words) {
  const answer = await fetch(`${words}${shardOf(word)}.json`);
  if (answer.status === 404) return new Set();
  if (!answer.ok) throw new Error(String(answer.status));
  const index = await answer.json();
  return new Set(Object.keys(index).filter((indexed) => isMeant(word, indexed)).flatMap((indexed) => index[indexed]));
}

function card(post, language) {
  const item = document.createElement("li");
  item.className = "card";
  const shown = document.createElement(post.picture ? "a" : "span");
  shown.className = "shown";
  if (post.picture) {
    const image = document.createElement("img");
    Object.assign(image, { src: post.picture, width: post.width, height: post.height, alt: "", loading: "lazy" });
    shown.href = post.url;
    shown.tabIndex = -1;
    shown.setAttribute("aria-hidden", "true");
    shown.append(image);
  }
  const heading = document.createElement("h2");
  const link = document.createElement("a");
  link.href = post.url;
  link.textContent = post.title;
  const standfirst = document.createElement("p");
  standfirst.textContent = post.standfirst;
  for (const text of [link, standfirst]) if (post.language !== language) text.lang = post.language;
  heading.append(link);
  const day = document.createElement("p");
  day.className = "quiet";
  day.textContent = post.date;
  item.append(shown, heading, standfirst, day);
  return item;
}

async function search(text, list, status) {
  const words = wordsOf(text);
  if (!words.length) return;
  const [posts, ...found] = await Promise.all([
    fetch(list.dataset.posts).then((answer) => answer.json()),
    ...words.map((word) => postsWith(word, list.dataset.words)),
  ]);
  const ids = [...found[0]].filter((id) => id in posts && found.every((one) => one.has(id)));
  ids.sort((one, other) => posts[other].day.localeCompare(posts[one].day) || other - one);
  status.textContent = ids.length ? String(ids.length) : status.dataset.none;
  list.replaceChildren(...ids.slice(0, MAX_SHOWN).map((id) => card(posts[id], document.documentElement.lang)));
}

const text = new URLSearchParams(location.search).get("q") || "";
const list = document.getElementById("found");
const status_ = document.getElementById("count");
document.getElementById("q-page").value = text;
search(text, list, status_).catch(() => { status_.textContent = status_.dataset.failed; });
