import { spawnSync } from "node:child_process";

const INSTALL_MS_MAX = 300_000;

/** False where this user may not, there is no apt, or it cannot. */
export function aptInstall(name: string): boolean {
  if (process.getuid?.() !== 0) return false;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = (...args: string[]): boolean =>
    spawnSync("apt-get", args, { env, stdio: "ignore", timeout: INSTALL_MS_MAX }).status === 0;
  const isInstalled = () => apt("install", "-y", "--no-install-recommends", name);
  return isInstalled() || (apt("update") && isInstalled());
}
