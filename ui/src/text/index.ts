/** The words of the app. Another language is another object of the type `Text`, chosen here. */
import en from "./en";

export type Text = typeof en;
export const text: Text = en;
