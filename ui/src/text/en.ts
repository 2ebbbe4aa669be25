/** English. One file a screen. */
import { batches } from "./en/batches";
import { catalog } from "./en/catalog";
import { common } from "./en/common";
import { forms } from "./en/forms";
import { login } from "./en/login";
import { models } from "./en/models";
import { overview } from "./en/overview";
import { people } from "./en/people";
import { playground } from "./en/playground";
import { quota } from "./en/quota";
import { system } from "./en/system";
import { refusals } from "./en/refusals";
import { requests } from "./en/requests";
import { usage } from "./en/usage";
import { providers } from "./en/providers";

export default {
  ...common,
  ...forms,
  ...people,
  ...system,
  batches,
  catalog,
  login,
  models,
  overview,
  playground,
  quota,
  refusals,
  requests,
  usage,
  providers,
};
