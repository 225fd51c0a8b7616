// What a file imports, as written. Statements are recognised at the start of a line, so that an import inside a
// string (a planted violation, a generated file) does not count.
const statement = /^(?:import|export|\})[^;'"`]*?from\s*["']([^"']+)["']|^import\s*["']([^"']+)["']/gm;
const call = /(?<![.\w"'`])(?:import|require)\(\s*["']([^"']+)["']/g;

export function importedNames(text: string): string[] {
  const names: string[] = [];
  for (const match of text.matchAll(statement)) names.push(match[1] ?? match[2] ?? "");
  for (const match of text.matchAll(call)) names.push(match[1] ?? "");
  return names;
}
