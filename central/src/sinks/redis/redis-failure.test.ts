// What Redis says, in words of Redis 7 and of 6, becomes a code that tells a person what to do.
import { expect, test } from "vitest";
import { redisFailure } from "./redis-failure.ts";

function replied(message: string): Error {
  const error = new Error(message);
  error.name = "ReplyError";
  return error;
}

test.each([
  [
    "OOM command not allowed when used memory > 'maxmemory'. script: 5f, on @user_script:13.",
    "redis_out_of_memory",
  ],
  [
    "ERR Error running script (call to f_5f): @user_script:13: @user_script: 13: -OOM command not allowed when used memory > 'maxmemory'.",
    "redis_out_of_memory",
  ],
  ["READONLY You can't write against a read only replica.", "redis_readonly"],
  ["LOADING Redis is loading the dataset in memory", "redis_loading"],
  ["WRONGPASS invalid username-password pair or user is disabled.", "redis_refused"],
  ["ERR invalid password", "redis_refused"],
  [
    "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?",
    "redis_refused",
  ],
  ["NOPERM this user has no permissions to run the 'evalsha' command", "redis_refused"],
  ["MILLRACE_EMPTY -1", "redis_emptied"],
  ["MILLRACE_FENCED 1767607200", "sink_fenced"],
  ["WRONGTYPE Operation against a key holding the wrong kind of value", "redis_rejected"],
  [
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
    "redis_rejected",
  ],
])("%s: %s", (message, code) => {
  expect(redisFailure(replied(message), "redis://r:6379").code).toBe(code);
});

test("a Redis that takes no more clients cannot be reached, and its limit is named", () => {
  const failure = redisFailure(replied("ERR max number of clients reached"), "redis://r:6379");
  expect(failure.code).toBe("redis_unreachable");
  expect(failure.message).toContain("maxclients");
});

test("a Redis whose certificate's authority is not known cannot be reached, and the setting is named", () => {
  const error = Object.assign(new Error("try running Node.js with --use-system-ca"), {
    code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  });
  const failure = redisFailure(error, "rediss://r:6379");
  expect(failure.code).toBe("redis_unreachable");
  expect(failure.message).toContain("let sinks.redis.tls.ca name");
  expect(failure.message).not.toContain("Node");
});

test.each([
  ["connect ETIMEDOUT", "rediss://r:6379", true],
  ["40ED:error:0A00010B:SSL routines:ssl3_get_record:wrong version number", "rediss://r:6379", true],
  ["connect ETIMEDOUT", "redis://r:6379", false],
  ["connect ECONNREFUSED", "rediss://r:6379", false],
])("a Redis without TLS behind rediss:// was no more than a time-out: %s of %s", (said, url, isTold) => {
  const failure = redisFailure(new Error(said), url);
  expect(failure.code).toBe("redis_unreachable");
  expect(failure.message.includes("compare rediss:// with its tls-port")).toBe(isTold);
});

test("what is no answer is the way there", () => {
  expect(redisFailure(new Error("connect ECONNREFUSED"), "redis://r:6379").code).toBe("redis_unreachable");
  expect(redisFailure(replied("MILLRACE_FENCED 1767607200"), "redis://r:6379").message).toContain(
    "generation 1767607200",
  );
});
