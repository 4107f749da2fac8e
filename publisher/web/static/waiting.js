// Loads a picture again while a placeholder stands for it, or its request failed, as when the server is restarted.
// Without scripts, people load the page again.

const PLACEHOLDER_SIDE = 33;
const MAX_TRIES = 40;
const tries = new WeakMap();

function isPlaceholder(image) {
  return image.naturalWidth === PLACEHOLDER_SIDE && image.naturalHeight === PLACEHOLDER_SIDE;
}

function isOurs(image) {
  return image instanceof HTMLImageElement && image.src.startsWith(`${location.origin}/`);
}

function askAgain(image) {
  const number = tries.get(image) ?? 0;
  if (number >= MAX_TRIES || !image.isConnected) return;
  tries.set(image, number + 1);
  const source = image.src;
  const address = new URL(source);
  address.searchParams.set("again", String(number + 1));
  setTimeout(() => {
    if (image.src === source && image.isConnected) image.src = address.href;
  }, Math.min(1000 * 1.3 ** number, 15000));
}

// Finds out whether a failed image is missing: then it is not asked for again.
async function isMissing(image) {
  try {
    const answer = await fetch(image.src, { cache: "no-store" });
    return answer.status >= 400 && answer.status < 500;
  } catch {
    return false;
  }
}

function replaceByText(image) {
  const text = document.createElement("span");
  text.className = `${image.className} none no-picture`;
  text.textContent = textOf("no_picture");
  text.style.width = `${image.width}px`;
  text.style.height = `${image.height}px`;
  image.replaceWith(text);
}

async function retryOrReplace(image) {
  if (!(await isMissing(image))) askAgain(image);
  // Drawing needs the image element, even a broken one.
  else if (image.isConnected && !image.closest(".stage")) replaceByText(image);
}

document.addEventListener("load", ({ target }) => isOurs(target) && isPlaceholder(target) && askAgain(target), true);
document.addEventListener("error", ({ target }) => isOurs(target) && retryOrReplace(target), true);
for (const image of document.images) {
  if (!image.complete || !isOurs(image) || image.src.includes("again=")) continue;
  if (isPlaceholder(image)) askAgain(image);
  else if (image.naturalWidth === 0) retryOrReplace(image);
}
