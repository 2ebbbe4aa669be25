/** A user's own requests. */
import { RequestsOf } from "../requests/screen";

export default function MyRequests() {
  return <RequestsOf root="/api/user" />;
}
