// Both languages say everything, with the same parameters; numbers, ages and zones read as people write them.
import { expect, test } from "vitest";
import { en } from "./en.ts";
import { chooseLanguage, Speaker } from "./speaker.ts";
import { zhCn } from "./zh-cn.ts";

const placeholders = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();

test("the dictionaries have the same keys, the same parameters and no empty text", () => {
  expect(Object.keys(zhCn).sort()).toEqual(Object.keys(en).sort());
  const chinese: Readonly<Record<string, string>> = zhCn;
  for (const [key, text] of Object.entries(en)) {
    expect([key, placeholders(chinese[key] ?? "")]).toEqual([key, placeholders(text)]);
    expect(chinese[key]?.trim()).toBeTruthy();
  }
});

test("the language is the one asked for, else the browser's first that we speak, else English", () => {
  expect(chooseLanguage("", ["de-DE", "zh-TW", "en"])).toBe("zh-CN");
  expect(chooseLanguage("?lang=en", ["zh-CN"])).toBe("en");
  expect(chooseLanguage("?lang=zh-CN&x=1", ["en"])).toBe("zh-CN");
  expect(chooseLanguage("?lang=xx", ["fr"])).toBe("en");
});

test("ages are never finer than a person needs", () => {
  const speaker = new Speaker("en", "UTC");
  const ages = [0, 999, 7_400, 200_000, 720_000, 5 * 3_600_000, 50 * 3_600_000].map((ageMs) =>
    speaker.age(ageMs),
  );
  expect(ages).toEqual(["0 s", "0 s", "7 s", "3 min 20 s", "12 min", "5 h", "2 d"]);
});

test("values carry the decimals that their size bears, limits the digits they were given", () => {
  const speaker = new Speaker("en", "UTC");
  expect([12_345.6, 86.44, 7.321, 0.12345, -3.5, Number.NaN].map((value) => speaker.value(value))).toEqual([
    "12,346",
    "86.4",
    "7.32",
    "0.123",
    "−3.50",
    "–",
  ]);
  expect([80, 6.5].map((limit) => speaker.exact(limit))).toEqual(["80", "6.5"]);
  expect([500, 5_000, 90_000, 3_600_000].map((sizeMs) => speaker.duration(sizeMs))).toEqual([
    "500 ms",
    "5 s",
    "90 s",
    "1 h",
  ]);
});

test("times are local, and the zone is said with its offset at that time", () => {
  const speaker = new Speaker("zh-CN", "Europe/Berlin");
  expect(speaker.time(Date.UTC(2026, 0, 1, 23, 5, 9))).toBe("00:05:09");
  expect(speaker.zoneWithOffset(Date.UTC(2026, 0, 1))).toBe("Europe/Berlin (UTC+1)");
  expect(speaker.zoneWithOffset(Date.UTC(2026, 6, 1))).toBe("Europe/Berlin (UTC+2)");
});

test("a moment of another day says so, whether it was or will be", () => {
  const speaker = new Speaker("en", "UTC");
  const nowMs = Date.UTC(2026, 0, 5, 12);
  const dayMs = 86_400_000;
  expect(speaker.moment(nowMs + 3_600_000, nowMs)).toBe("13:00:00");
  for (const timeMs of [nowMs - 3 * dayMs, nowMs + 3 * dayMs])
    expect(speaker.moment(timeMs, nowMs)).toContain(String(new Date(timeMs).getUTCDate()));
});

test("sizes are told in units of 1,024", () => {
  const speaker = new Speaker("en", "UTC");
  expect([0, 1_023, 1_024, 65_536, 20_000_000].map((bytes) => speaker.bytes(bytes))).toEqual([
    "0 B",
    "1,023 B",
    "1.0 KiB",
    "64.0 KiB",
    "19.1 MiB",
  ]);
});

test("a latency that is too short for its unit is not shown as nothing", () => {
  const speaker = new Speaker("en", "UTC");
  expect([0, 0.036, 0.1, 3.21, 412, 1_500].map((latencyMs) => speaker.latency(latencyMs))).toEqual([
    "0.0 ms",
    "< 0.1 ms",
    "0.1 ms",
    "3.2 ms",
    "412 ms",
    "1.5 s",
  ]);
});

test("a day that began a few hours ago is told with its date, a minute without", () => {
  const speaker = new Speaker("en", "UTC");
  const startMs = Date.UTC(2026, 10, 26, 23);
  const nowMs = startMs + 3_600_000;
  expect(speaker.begin(startMs, { lastsMs: 23 * 3_600_000, nowMs })).toBe("Nov 26, 23:00:00");
  expect(speaker.begin(startMs, { lastsMs: 60_000, nowMs })).toBe("23:00:00");
});
