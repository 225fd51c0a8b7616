// Loaded into every child of `npm start` before its program: when the parent is gone, however it went, the child stops in
// order, and after a while at once. Nobody is left behind.
const ORDERLY_STOP_MS = 20_000;

process.on("disconnect", () => {
  process.kill(process.pid, "SIGTERM");
  setTimeout(() => process.exit(1), ORDERLY_STOP_MS).unref();
});
// The channel is only for its end; it must not keep the program alive.
process.channel?.unref();
