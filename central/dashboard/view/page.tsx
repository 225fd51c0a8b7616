import { useEffect } from "preact/hooks";
import type { LivePage } from "../live-page.ts";
import type { Speaker } from "../text/speaker.ts";
import { AgentPanel } from "./agent-panel.tsx";
import { AlarmPanel } from "./alarm-panel.tsx";
import { Announcer } from "./announcer.tsx";
import { HelpDialog } from "./help-dialog.tsx";
import { PageHeader } from "./page-header.tsx";
import { onKeys } from "./page-keys.ts";
import { StreamPanel } from "./stream-panel.tsx";
import { TrendPanel } from "./trend-panel.tsx";
import { WindowPanel } from "./window-panel.tsx";

/** What every panel gets: the data, and the words. */
export interface PanelProps {
  readonly page: LivePage;
  readonly speaker: Speaker;
}

export interface PageProps extends PanelProps {
  /** Who is logged in; null where no login is needed. */
  readonly user: string | null;
  readonly onOut: () => void;
}

export function Page({ page, speaker, user, onOut }: PageProps) {
  useEffect(() => onKeys(page), [page]);
  return (
    <>
      <a class="skip" href="#alarms">
        {speaker.text("page.skip")}
      </a>
      <PageHeader page={page} speaker={speaker} user={user} onOut={onOut} />
      <main class="panels">
        <AlarmPanel page={page} speaker={speaker} />
        <TrendPanel page={page} speaker={speaker} />
        <div class="sources">
          {page.hasAgents.value && <AgentPanel page={page} speaker={speaker} />}
          {page.hasStreams.value && <StreamPanel page={page} speaker={speaker} />}
        </div>
        <WindowPanel page={page} speaker={speaker} />
      </main>
      <Announcer page={page} speaker={speaker} />
      <HelpDialog speaker={speaker} />
    </>
  );
}
