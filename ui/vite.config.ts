import { defineConfig } from "vite";

/** The gateway serves the bundle under /ui/; while developing, everything else goes to a gateway on port 8000. */
export default defineConfig({
  base: "/ui/",
  build: {
    outDir: "../gateway/static",
    emptyOutDir: true,
    cssCodeSplit: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
    reportCompressedSize: true,
    rolldownOptions: {
      // One file of what many screens are made of packs better than dozens of small ones.
      output: { codeSplitting: { groups: [{ name: "shared", test: /src\/(parts|state|format|api)\//, minShareCount: 3 }] } },
    },
  },
  server: {
    proxy: Object.fromEntries(
      ["/v1", "/api", "/catalog", "/health", "/openapi.json", "/stats"].map((path) => [
        path,
        { target: "http://127.0.0.1:8000", ws: true },
      ]),
    ),
  },
});
