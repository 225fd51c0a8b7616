import { useEffect, useRef } from "preact/hooks";
import type { TextKey } from "../text/dictionary.ts";
import type { Speaker } from "../text/speaker.ts";
import { isHelpOpen } from "./page-keys.ts";

const KEYS: readonly (readonly [string, TextKey])[] = [
  ["Space", "help.pause"],
  ["v", "help.table"],
  ["← →", "help.cursor"],
  ["a", "help.alarms"],
  ["c", "help.trends"],
  ["s", "help.agents"],
  ["r", "help.streams"],
  ["w", "help.windows"],
  ["t", "help.theme"],
  ["?", "help.help"],
];

export function HelpDialog({ speaker }: { readonly speaker: Speaker }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (isHelpOpen.value) dialog.current?.showModal();
    else dialog.current?.close();
  }, [isHelpOpen.value]);
  const close = () => {
    isHelpOpen.value = false;
  };
  return (
    <dialog ref={dialog} class="help" aria-labelledby="help-title" onClose={close} data-testid="help">
      <header>
        <h2 id="help-title">{speaker.text("help.title")}</h2>
        <button type="button" onClick={close}>
          {speaker.text("action.close")}
        </button>
      </header>
      <dl>
        {KEYS.map(([key, meaning]) => (
          <div key={key}>
            <dt>
              <kbd>{key === "Space" ? speaker.text("help.keySpace") : key}</kbd>
            </dt>
            <dd>{speaker.text(meaning)}</dd>
          </div>
        ))}
      </dl>
      <h3>{speaker.text("help.legend")}</h3>
      <ul class="legend-help">
        <li>
          <i class="sample solid" />
          {speaker.text("help.legendSolid")}
        </li>
        <li>
          <i class="sample dashed" />
          {speaker.text("help.legendDashed")}
        </li>
        <li>
          <i class="sample hatched" />
          {speaker.text("help.legendHatched")}
        </li>
      </ul>
    </dialog>
  );
}
