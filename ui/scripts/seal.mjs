// Writes build.json beside the bundle: a digest of what it was built from, and the sizes of its files.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { gzipSync } from "node:zlib";

const root = new URL("..", import.meta.url).pathname;
const target = join(root, "../gateway/static");
const inputs = ["index.html", "package-lock.json", "tsconfig.json", "vite.config.ts", ...walk("src")];

function walk(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

const digest = createHash("sha256");
for (const name of inputs.sort()) digest.update(`${name}\0`).update(readFileSync(join(root, name))).update("\0");

const gzip = {};
for (const entry of readdirSync(target, { withFileTypes: true, recursive: true })) {
  if (!entry.isFile() || entry.name === "build.json") continue;
  const path = join(entry.parentPath, entry.name);
  const bytes = readFileSync(path);
  gzip[relative(target, path)] = path.endsWith(".woff2") ? bytes.length : gzipSync(bytes).length;
}
const total = Object.values(gzip).reduce((sum, size) => sum + size, 0);
const sorted = Object.fromEntries(Object.entries(gzip).sort(([a], [b]) => a.localeCompare(b)));
writeFileSync(
  join(target, "build.json"),
  `${JSON.stringify({ sources: digest.digest("hex"), gzip_bytes: total, gzip: sorted }, null, 2)}\n`,
);
console.log(`bundle: ${(total / 1000).toFixed(1)} kB gzip`);
