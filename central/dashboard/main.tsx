import { render } from "preact";
import { LiveStream } from "./feed/live-stream.ts";
import { LivePage } from "./live-page.ts";
import { chooseLanguage, Speaker } from "./text/speaker.ts";
import { Page } from "./view/page.tsx";
import { showPlainTexts } from "./view/plain-texts.ts";
import { readTheme, applyTheme } from "./view/theme.ts";

const TICK_MS = 500;

const speaker = new Speaker(chooseLanguage(location.search, navigator.languages));
document.documentElement.lang = speaker.language;
applyTheme(readTheme(location.search));
showPlainTexts();

const page = new LivePage(() => performance.now());
const stream = new LiveStream({
  openSource: () => new EventSource("/api/v1/stream"),
  startTimer: (delayMs, callback) => {
    const timer = window.setTimeout(callback, delayMs);
    return () => window.clearTimeout(timer);
  },
  random: Math.random,
  onSnapshot: (snapshot) => page.takeSnapshot(snapshot),
  onDelta: (delta) => page.takeDelta(delta),
  onConnection: (isOpen) => page.setConnected(isOpen),
});

document.addEventListener("visibilitychange", () => page.setHidden(document.hidden));
page.setHidden(document.hidden);
window.setInterval(() => page.tick(), TICK_MS);
stream.open();

const root = document.getElementById("page");
if (root !== null) render(<Page page={page} speaker={speaker} />, root);
