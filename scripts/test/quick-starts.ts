/**
 * What programs find around them that live for seconds and are started by the hundred. Node keeps in `folder` what it has
 * compiled; Java compiles once, quickly: what its second compiler gains over hours, its start costs each time.
 */
export function quickStarts(folder: string): Readonly<Record<string, string>> {
  return {
    NODE_COMPILE_CACHE: folder,
    JDK_JAVA_OPTIONS: "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
  };
}
