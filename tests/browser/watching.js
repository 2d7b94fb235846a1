// Put into the page before its own scripts: writes down what a visitor would see only for a moment.
globalThis.proof = { violations: [], states: [] };

addEventListener("securitypolicyviolation", (event) => {
  proof.violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
});

addEventListener("DOMContentLoaded", () => {
  const [state, countdown] = ["state", "countdown"].map((id) => document.getElementById(id));
  const look = () => {
    const words = `${state.textContent} ${countdown.textContent}`.trim();
    if (proof.states.at(-1) !== words) proof.states.push(words);
  };
  new MutationObserver(look).observe(state.parentElement, { subtree: true, childList: true, characterData: true });
  look();
});
