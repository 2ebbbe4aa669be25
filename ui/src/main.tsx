import { render } from "preact";
import "./styles/all.css";
import { App } from "./shell/app";
import { applyTheme } from "./state/theme";

applyTheme();
const root = document.getElementById("app");
if (root) render(<App />, root);
