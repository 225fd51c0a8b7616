import { useState } from "preact/hooks";
import { logIn } from "../feed/session.ts";
import type { LoginProblem } from "../feed/session.ts";
import type { Speaker } from "../text/speaker.ts";

/** Stands in place of the page until somebody is logged in. */
export function LoginForm({ speaker, onIn }: { readonly speaker: Speaker; readonly onIn: () => void }) {
  const [stage, setStage] = useState<"idle" | "asking" | LoginProblem>("idle");
  const submit = async (form: HTMLFormElement) => {
    setStage("asking");
    const fields = new FormData(form);
    const field = (name: string) => {
      const value = fields.get(name);
      return typeof value === "string" ? value : "";
    };
    const problem = await logIn({ user: field("user"), password: field("password") });
    if (problem === null) onIn();
    else setStage(problem);
  };
  return (
    <main class="login">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit(event.currentTarget);
        }}
      >
        <h1>{speaker.text("page.title")}</h1>
        <label>
          {speaker.text("login.user")}
          <input name="user" autocomplete="username" required autofocus data-testid="login-user" />
        </label>
        <label>
          {speaker.text("login.password")}
          <input
            name="password"
            type="password"
            autocomplete="current-password"
            required
            data-testid="login-password"
          />
        </label>
        <button type="submit" disabled={stage === "asking"} data-testid="login">
          {speaker.text("login.submit")}
        </button>
        {/* Always there, so that what comes into it is read out. */}
        <p role="alert" data-testid="login-problem">
          {stage !== "idle" && stage !== "asking" && speaker.text(`login.${stage}`)}
        </p>
      </form>
    </main>
  );
}
