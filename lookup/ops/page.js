// Keeps the page as it is now: fetches it again, and puts in the sections that have changed. A section in which
// somebody has selected text stays as it is, so that a command can be copied.
"use strict";

const EVERY_MS = 5000, PATIENCE_MS = 10000;
const lost = document.getElementById("lost");
let since = new Date();

function put(next) {
  for (const section of next.querySelectorAll("[data-live]")) {
    const here = document.getElementById(section.id);
    if (!here) continue;
    for (const details of here.querySelectorAll("details[open]")) {
      section.querySelector("#" + CSS.escape(details.id))?.setAttribute("open", "");
    }
    const selection = getSelection();
    const busy = selection && !selection.isCollapsed && here.contains(selection.anchorNode);
    if (busy || here.innerHTML === section.innerHTML) continue;
    const focused = here.contains(document.activeElement) ? document.activeElement.id : "";
    here.replaceChildren(...section.childNodes);
    here.className = section.className;
    if (focused) document.getElementById(focused)?.focus();
  }
  document.title = next.title;
}

async function look() {
  try {
    const answer = await fetch(location.origin + location.pathname, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!answer.ok) throw new Error(answer.status);
    put(new DOMParser().parseFromString(await answer.text(), "text/html"));
    since = new Date();
    lost.hidden = true;
  } catch (error) {
    lost.textContent = `Not updated since ${since.toLocaleTimeString("nb-NO")}: the service does not answer (${error.message}). What stands below is old.`;
    lost.hidden = false;
  }
}

async function forever() {
  if (!document.hidden) await look();
  setTimeout(forever, EVERY_MS);
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
setTimeout(forever, EVERY_MS);
