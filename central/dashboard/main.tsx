import { effect, signal } from "@preact/signals";
import { render } from "preact";
import { LiveStream } from "./feed/live-stream.ts";
import { fetchStreams } from "./feed/fetch-streams.ts";
import { fetchSession } from "./feed/session.ts";
import type { SessionView } from "./feed/session.ts";
import { LivePage } from "./live-page.ts";
import { chooseLanguage, Speaker } from "./text/speaker.ts";
import { LoginForm } from "./view/login-form.tsx";
import { Page } from "./view/page.tsx";
import { showPlainTexts } from "./view/plain-texts.ts";
import { readTheme, applyTheme } from "./view/theme.ts";

const TICK_MS = 500;
const STREAMS_ASKED_MS = 2_000;

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
  onConnection: (isOpen) => {
    page.setConnected(isOpen);
    // A session may have ended; the stream itself cannot tell.
    if (!isOpen) void askSession();
  },
});
const session = signal<SessionView | null>(null);

async function askSession(): Promise<void> {
  session.value = (await fetchSession()) ?? session.value;
  if (isLockedOut()) stream.close();
}

function isLockedOut(): boolean {
  return session.value !== null && session.value.isLoginNeeded && session.value.user === null;
}

async function begin(): Promise<void> {
  await askSession();
  if (!isLockedOut()) stream.open();
}

/** Streams of records are not in the frames. */
async function askStreams(): Promise<void> {
  if (!page.hasStreams.value || isLockedOut() || document.hidden) return;
  const streams = await fetchStreams();
  if (streams !== null) page.takeStreams(streams);
}

function Doors() {
  if (isLockedOut()) return <LoginForm speaker={speaker} onIn={() => void begin()} />;
  return <Page page={page} speaker={speaker} user={session.value?.user ?? null} onOut={() => void begin()} />;
}

document.addEventListener("visibilitychange", () => page.setHidden(document.hidden));
page.setHidden(document.hidden);
window.setInterval(() => page.tick(), TICK_MS);
effect(() => void askStreams());
window.setInterval(() => void askStreams(), STREAMS_ASKED_MS);
void begin();

const root = document.getElementById("page");
if (root !== null) render(<Doors />, root);
