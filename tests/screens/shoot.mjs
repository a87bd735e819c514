// Takes screenshots with playwright-core and an installed Chromium.
// Usage: node shoot.mjs FOLDER_WITH_NODE_MODULES CHROMIUM SHOTS.json
// SHOTS: [{url, file, width, height, colorScheme?: "light" | "dark", fullPage?: bool, actions?: [{click | fill | select
// | press | wait | waitText: …}]}]. A page whose script throws or that must be scrolled sideways, or an element that does
// not come, is an error.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const [tools, executablePath, list] = process.argv.slice(2);
const { chromium } = createRequire(`${tools}/`)("playwright-core");
const shots = JSON.parse(await readFile(list, "utf8"));

const actions = {
  click: (page, selector) => page.click(selector),
  fill: (page, [selector, text]) => page.fill(selector, text),
  select: (page, [selector, value]) => page.selectOption(selector, value),
  press: (page, key) => page.keyboard.press(key),
  wait: (page, selector) => page.waitForSelector(selector),
  waitText: (page, text) => page.getByText(text).first().waitFor(),
};

const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"],
});
try {
  for (const { url, file, width, height, colorScheme = "light", fullPage = false, actions: todo = [] } of shots) {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: "reduce" });
    context.setDefaultTimeout(15_000);
    const page = await context.newPage();
    const errors = [];
    page.on("pageerror", (error) => errors.push(String(error)));
    // Not "networkidle": a page with server-sent events is never idle.
    await page.goto(url, { waitUntil: "load" });
    for (const action of todo) {
      for (const [name, argument] of Object.entries(action)) {
        if (!actions[name]) throw new Error(`unknown action ${name}`);
        await actions[name](page, argument);
      }
    }
    await page.evaluate(() => document.fonts.ready.then(() => true));
    await page.screenshot({ path: file, fullPage });
    const tooWide = await page.evaluate(() => {
      const room = document.documentElement.clientWidth;
      const wide = [...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect().right > room + 1);
      const whose = wide.map((one) => `${one.tagName.toLowerCase()}.${one.className}`).slice(0, 5).join(", ");
      return document.documentElement.scrollWidth > room ? `wider than ${room} px: ${whose}` : "";
    });
    if (tooWide) errors.push(tooWide);
    if (errors.length) throw new Error(`${url}: ${errors.join("; ")}`);
    await context.close();
  }
} finally {
  await browser.close();
}
