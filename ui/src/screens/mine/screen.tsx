/** The account of whoever is logged in: password and open sessions. */
import { Page } from "../../parts/page";
import { session } from "../../state/session";
import { text } from "../../text";
import { Account } from "./account";

export default function MyAccount() {
  return (
    <Page title={text.shell.screens.account} lead={session.value?.user?.username ?? ""}>
      <Account />
    </Page>
  );
}
