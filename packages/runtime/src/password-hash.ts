import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";

/** Memory for one hash is 128 × N × r bytes: 32 MiB. */
const COST = { N: 32_768, r: 8, p: 1 };
const BYTES_MAX = 67_108_864;
const HASH_BYTES = 32;

/** `scrypt:N:r:p:salt:hash`, the last two base64url. */
export const PASSWORD_HASH_PATTERN = /^scrypt:(\d{1,7}):(\d{1,2}):(\d{1,2}):([\w-]{16,64}):([\w-]{43})$/;

/** What of a password is written down: a salted hash that is slow to try (RFC 7914). */
export async function passwordHash(password: string): Promise<string> {
  const salt = randomBytes(16);
  const hash = await derive(password, salt, COST);
  return `scrypt:${COST.N}:${COST.r}:${COST.p}:${salt.toString("base64url")}:${hash.toString("base64url")}`;
}

/** Takes some 60 ms of a core, on another thread. False also where the hash is none. */
export async function isPasswordOf(password: string, hash: string): Promise<boolean> {
  const [, N, r, p, salt = "", expected = ""] = PASSWORD_HASH_PATTERN.exec(hash) ?? [];
  if (N === undefined) return false;
  const cost = { N: Number(N), r: Number(r), p: Number(p) };
  const found = await derive(password, Buffer.from(salt, "base64url"), cost).catch(() => null);
  const wanted = Buffer.from(expected, "base64url");
  return found !== null && found.length === wanted.length && timingSafeEqual(found, wanted);
}

function derive(password: string, salt: Uint8Array, cost: typeof COST): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password.normalize("NFKC"), salt, HASH_BYTES, { ...cost, maxmem: BYTES_MAX }, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}
