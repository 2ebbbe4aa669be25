/** The gateway's shapes by their short names. They come from its OpenAPI document, so a changed field fails the build. */
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Session = Schemas["SessionView"];
export type SetupDone = Schemas["SetupDone"];
export type Provider = Schemas["ProviderView"];
export type ModelEntry = Schemas["ModelView"];
export type TargetEntry = Schemas["TargetView"];
export type ApiKey = Schemas["ApiKeyView"];
export type User = Schemas["UserView"];
export type Setting = Schemas["SettingView"];
export type Preview = Schemas["Preview"];
export type Deleted = Schemas["Deleted"];
export type Dependent = Schemas["DependentView"];

export interface Page<T> {
  data: T[];
  total: number;
  limit: number;
  offset: number;
}
