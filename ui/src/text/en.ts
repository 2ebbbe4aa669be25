/** English. One file a screen. */
import { common } from "./en/common";
import { login } from "./en/login";
import { playground } from "./en/playground";
import { providers } from "./en/providers";

export default {
  ...common,
  login,
  playground,
  providers,
};
