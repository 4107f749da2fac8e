// Replaces the placeholder of a picture that is still being made. Without scripts, loading the page again does.

const SIDE = 33;
const TRIES = 40;

function isPlaceholder(image) {
  return image.naturalWidth === SIDE && image.naturalHeight === SIDE;
}

function askAgain(image, tries) {
  if (tries >= TRIES || !image.isConnected || !isPlaceholder(image)) return;
  const address = new URL(image.src);
  address.searchParams.set("again", String(tries + 1));
  const asked = image.src;
  setTimeout(() => {
    if (image.src !== asked || !image.isConnected) return;
    image.addEventListener("load", () => askAgain(image, tries + 1), { once: true });
    image.src = address.href;
  }, Math.min(1000 * 1.3 ** tries, 15000));
}

document.addEventListener(
  "load",
  (event) => {
    const image = event.target;
    if (image instanceof HTMLImageElement && !image.src.includes("again=")) askAgain(image, 0);
  },
  true,
);
for (const image of document.images) if (image.complete) askAgain(image, 0);
