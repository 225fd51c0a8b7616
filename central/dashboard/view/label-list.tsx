import type { Labels } from "@millrace/stream";

/** "site alpha  line 1": names small, values readable. */
export function LabelList({ labels }: { readonly labels: Labels }) {
  return (
    <span class="labels">
      {Object.entries(labels).map(([name, value]) => (
        <span key={name}>
          <small>{name}</small> {value}
        </span>
      ))}
    </span>
  );
}
