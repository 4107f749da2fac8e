// Takes the key that this page's forms are sent with from an answer, where the log-in was renewed in another tab.
export function takeNewKey(answer) {
  const fresh = answer.headers.get("x-csrf-token");
  if (answer.status !== 403 || !fresh) return false;
  document.querySelector("meta[name=csrf]").content = fresh;
  for (const field of document.querySelectorAll("input[name=csrf]")) field.value = fresh;
  return true;
}
