// Replaces the placeholder of a picture that is still being made, and asks again for one that was not answered, as
// when the server is restarted. Without scripts, loading the page again does.

const SIDE = 33;
const TRIES = 40;
const tries = new WeakMap();

function isPlaceholder(image) {
  return image.naturalWidth === SIDE && image.naturalHeight === SIDE;
}

function isOurs(image) {
  return image instanceof HTMLImageElement && image.src.startsWith(`${location.origin}/`);
}

function askAgain(image) {
  const number = tries.get(image) ?? 0;
  if (number >= TRIES || !image.isConnected) return;
  tries.set(image, number + 1);
  const asked = image.src;
  const address = new URL(asked);
  address.searchParams.set("again", String(number + 1));
  setTimeout(() => {
    if (image.src === asked && image.isConnected) image.src = address.href;
  }, Math.min(1000 * 1.3 ** number, 15000));
}

// An image does not tell why it failed: one that is not there is not asked for again.
async function isNowhere(image) {
  try {
    const answer = await fetch(image.src, { cache: "no-store" });
    return answer.status >= 400 && answer.status < 500;
  } catch {
    return false;
  }
}

function showThatThereIsNone(image) {
  const none = document.createElement("span");
  none.className = `${image.className} none no-picture`;
  none.textContent = "no picture";
  none.style.width = `${image.width}px`;
  none.style.height = `${image.height}px`;
  image.replaceWith(none);
}

async function failed(image) {
  if (!(await isNowhere(image))) askAgain(image);
  // What is drawn on a stage needs its picture, broken or not.
  else if (image.isConnected && !image.closest(".stage")) showThatThereIsNone(image);
}

document.addEventListener("load", ({ target }) => isOurs(target) && isPlaceholder(target) && askAgain(target), true);
document.addEventListener("error", ({ target }) => isOurs(target) && failed(target), true);
for (const image of document.images) {
  if (!image.complete || !isOurs(image) || image.src.includes("again=")) continue;
  if (isPlaceholder(image)) askAgain(image);
  else if (image.naturalWidth === 0) failed(image);
}
