// Nothing here is needed to use the service: it opens the menu on small screens, moves the focus to what is wrong,
// and looks again whether a workspace is ready.
import { createAll, ErrorSummary, NotificationBanner, Radios, ServiceNavigation } from "govuk-frontend";

document.body.classList.add("js-enabled", "govuk-frontend-supported");
for (const component of [ErrorSummary, NotificationBanner, Radios, ServiceNavigation]) createAll(component);

const waiting = document.querySelector("[data-look-again]");
if (waiting) setTimeout(() => location.reload(), Number(waiting.dataset.lookAgain) * 1000);
