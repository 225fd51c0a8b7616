import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { mavenReason } from "./maven-reason.ts";
import { StackUnavailable } from "./stack-unavailable.ts";

export interface JarFolderOptions {
  /** Below which everything of the server is kept. */
  readonly folder: string;
  /** Maven coordinates, `group:artifact:version`. */
  readonly artifacts: readonly string[];
}

const DOWNLOAD_MS_MAX = 600_000;

/** The folder of these artifacts and all that they need, fetched with Maven where it is not there yet. */
export function jarFolder({ folder, artifacts }: JarFolderOptions): string {
  const version = artifacts.map((artifact) => artifact.split(":").slice(1).join("-")).join("+");
  const jars = join(folder, `jars-${version}`);
  if (existsSync(jars)) return jars;
  for (const [program, flag] of [
    ["java", "-version"],
    ["mvn", "--version"],
  ])
    if (spawnSync(program, [flag]).status !== 0)
      throw new StackUnavailable(
        `${program} is not on this machine (apt install default-jre-headless maven)`,
      );
  const work = `${jars}.${process.pid}`;
  mkdirSync(work, { recursive: true });
  writeFileSync(join(work, "pom.xml"), pomOf(artifacts));
  const copy = ["-q", "-B", "dependency:copy-dependencies", `-DoutputDirectory=${join(work, "lib")}`];
  const [program, ...args] = [...oneAtATime(), "mvn", ...copy];
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd: work,
    encoding: "utf8",
    timeout: DOWNLOAD_MS_MAX,
  });
  if (status !== 0) {
    rmSync(work, { recursive: true, force: true });
    throw new StackUnavailable(
      `mvn cannot fetch ${artifacts.join(", ")}: ${mavenReason(`${stdout}${stderr}`)}; run it again where Maven's repository is reached (proxies and mirrors stand in ~/.m2/settings.xml)`,
    );
  }
  try {
    renameSync(join(work, "lib"), jars);
  } catch (error) {
    // Somebody else was first.
    if (!existsSync(jars)) throw error;
  }
  rmSync(work, { recursive: true, force: true });
  return jars;
}

/** Before Maven's command: what it fetches first goes to a store of its own, which is not made for two at once. */
function oneAtATime(): readonly string[] {
  const hasFlock = spawnSync("flock", ["--version"]).status === 0;
  return hasFlock ? ["flock", join(tmpdir(), `millrace-maven-${userInfo().uid}.lock`)] : [];
}

function pomOf(artifacts: readonly string[]): string {
  const dependencies = artifacts.map((artifact) => {
    const [group, name, version] = artifact.split(":");
    return `<dependency><groupId>${group}</groupId><artifactId>${name}</artifactId><version>${version}</version></dependency>`;
  });
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion>
<groupId>millrace</groupId><artifactId>stack</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>${dependencies.join("")}</dependencies>
</project>
`;
}
