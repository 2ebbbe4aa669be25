/** The gateway's shapes by their short names. They come from its OpenAPI document, so a changed field fails the build. */
import type { components } from "./schema";
import type { Snaked } from "./snaked";

type Schemas = components["schemas"];

export type Session = Schemas["SessionView"];
export type SetupDone = Schemas["SetupDone"];
export type OpenSession = Schemas["OpenSession"];
export type Provider = Schemas["ProviderView"];
export type ModelEntry = Schemas["ModelView"];
export type TargetEntry = Schemas["TargetView"];
export type ApiKey = Schemas["ApiKeyView"];
export type User = Schemas["UserView"];
export type Setting = Schemas["SettingView"];
export type TestResult = Schemas["CheckResult"];
export type Engine = Schemas["EngineView"];
export type OverviewNow = Schemas["OverviewView"];
/** What is told live of it. */
export type Status = Omit<OverviewNow, "version" | "started_at" | "revision" | "storage" | "listening_pages">;
export type ChutesNow = Schemas["ChutesView"];
export type QuotaWindow = Schemas["WindowView"];
export type TargetNow = Schemas["TargetNow"];
export type BreakEven = Schemas["BreakEvenView"];
export type WhatIf = Schemas["WhatIfView"];
export type PolicyWhatIf = Schemas["PolicyView"];
export type PolicyShare = Schemas["PolicyShareView"];
export type Usage = Schemas["UsageView"];
export type Figures = Schemas["FiguresView"];
export type Group = Schemas["GroupView"];
export type RequestRow = Schemas["RequestView"];
export type RequestDetail = Schemas["RequestDetail"];
export type Attempt = Schemas["AttemptView"];
export type AuditRow = Schemas["AuditView"];
export type BatchRow = Schemas["BatchEntry"];
export type BatchDetail = Schemas["BatchDetail"];
export type FileRow = Schemas["FileEntry"];
export type FilePage = Schemas["FilePage"];
export type Preview = Schemas["Preview"];
export type Deleted = Schemas["Deleted"];
export type Dependent = Schemas["DependentView"];

/** What is sent: everything that is left out takes its default. */
export type ProviderInput = Partial<Snaked<Schemas["ProviderDocument"]>>;
export type ModelInput = Partial<Snaked<Schemas["ModelDocument"]>>;
export type TargetInput = Partial<Snaked<Schemas["TargetConfig"]>>;
export type ApiKeyInput = Partial<Snaked<Schemas["ApiKeyDocument"]>>;
export type UserInput = Partial<Snaked<Schemas["UserDocument"]>>;

export interface Page<T> {
  data: T[];
  total: number;
  limit: number;
  offset: number;
}
